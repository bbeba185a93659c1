"""What is refused of a sweep's tables, and where it is said to be."""

from pathlib import Path
from typing import Any

import pytest

from basrec.errors import InputError
from basrec.sweep_folder import read_sweep
from basrec.sweep_tables import read_beside, read_rows
from tests.basrec.conftest import write_sweep_files
from tests.basrec.test_sweep_folder import row

COMMITTED = sorted(
    path.parent for path in (Path(__file__).parents[2] / "docs" / "results").rglob("results.csv")
)
CELL = "beauty,sasrec,Base,1"
EPOCH = "HR@10,NDCG@10,NDCG@20,stage,epoch,loss"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"HR@10": float("inf")}, "HR@10 is inf, not between 0 and 1"),
        ({"HR@10": 17.5}, "HR@10 is 17.5, not between 0 and 1"),
        ({"HR@10": -3.0}, "HR@10 is -3, not between 0 and 1"),
        ({"split": "trial"}, "split 'trial' is not known (known: validation, test)"),
        ({"status": "well"}, "status 'well' is not known (known: done, failed)"),
        ({"method": ""}, "no method"),
    ],
)
def test_a_row_that_no_sweep_writes_is_named(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    write_sweep_files(tmp_path, [row("Base", 1, 0.1), row("Base", 2, 0.1) | changed])
    with pytest.raises(InputError) as caught:
        read_rows(tmp_path)
    assert f"results.parquet: beauty, sasrec, Base, 2, {changed.get('split', 'test')}: {told}" in (
        str(caught.value)
    )


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: str(folder.name))
def test_the_committed_results_are_read_whole(folder: Path) -> None:
    cells = read_sweep(folder).cells
    assert cells and all(
        cell.is_done and set(cell.metrics) == {"validation", "test"} for cell in cells
    )


def test_bounds_and_missing_values_are_taken(tmp_path: Path) -> None:
    values = [0.0, 1.0, None, float("nan")]
    write_sweep_files(tmp_path, [row("Base", seed, value) for seed, value in enumerate(values)])
    assert len(read_rows(tmp_path)) == 4


def test_a_cell_that_stands_twice_is_refused(tmp_path: Path) -> None:
    rows = [row("Base", 1, 0.1), row("Base", 1, 0.1, split="validation")]
    write_sweep_files(tmp_path, rows)
    assert len(read_rows(tmp_path)) == 2
    write_sweep_files(tmp_path, [*rows, row("Base", 1, 0.9)])
    with pytest.raises(InputError, match="Base, 1, test: stands twice"):
        read_rows(tmp_path)


@pytest.mark.parametrize("changed", [{"seed": "first"}, {"HR@10": "high"}, {"split": None}])
def test_values_of_another_kind_are_an_error(tmp_path: Path, changed: dict[str, Any]) -> None:
    write_sweep_files(tmp_path, [row("Base", 1, 0.1) | changed])
    with pytest.raises(InputError, match=r"results.parquet: "):
        read_rows(tmp_path)


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("dataset,backbone,variant,seed,method\na,b,c,1,base\n")
    with pytest.raises(InputError, match="no column 'split'"):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("timings.csv", f"seconds\n{CELL},nan", "row 2: not as a sweep writes it ('nan' is no num"),
        ("timings.csv", f"seconds\n{CELL},1.5\n{CELL},x", "row 3: .*could not convert"),
        ("similarity.csv", f"over_training\n{CELL},0.5", "row 2: .*no column 'kind'"),
        (
            "history.csv",
            f"HR@10,NDCG@10,NDCG@20,stage,epoch,loss\n{CELL},,,,1,x,1",
            "row 2: .*invalid liter",
        ),
        ("origins.csv", f"config\n{CELL},[1]", "row 2: .*no column 'policy'"),
    ],
)
def test_a_damaged_row_beside_the_results_is_named(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    (tmp_path / name).write_text(f"dataset,backbone,variant,seed,{text}\n")
    with pytest.raises(InputError, match=f"{name}, {told.replace('(', '.')}"):
        read_beside(tmp_path)


def test_a_table_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "timings.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"timings.csv: cannot be read"):
        read_beside(tmp_path)
