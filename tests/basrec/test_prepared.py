"""Reading a prepared folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basrec.errors import InputError
from basrec.prepared import read_prepared
from tests.basrec.conftest import write_prepared


def test_sequences_lie_one_after_the_other(tmp_path: Path) -> None:
    prepared = read_prepared(write_prepared(tmp_path, [[1, 2, 3], [3], [2, 1]], {1: 3}))
    assert prepared.items.tolist() == [1, 2, 3, 3, 2, 1]
    assert prepared.offsets.tolist() == [0, 3, 4, 6]
    assert prepared.neighbour.tolist() == [0, 3, 0, 0]
    assert (prepared.num_users, prepared.num_items) == (3, 3)
    assert set(prepared.digests) == {"sequences.parquet", "items.parquet", "neighbours.parquet"}


def test_only_the_first_neighbour_is_kept(tmp_path: Path) -> None:
    folder = write_prepared(tmp_path, [[1, 2, 3]], {})
    table = pa.table({"item_id": [1, 1], "rank": [2, 1], "neighbour_id": [2, 3]})
    pq.write_table(table, folder / "neighbours.parquet")
    assert read_prepared(folder).neighbour.tolist() == [0, 3, 0, 0]


def rewrite(folder: Path, table: dict[str, list[object]]) -> None:
    pq.write_table(pa.table(table), folder / "sequences.parquet")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda f: (f / "sequences.parquet").unlink(), "no such file"),
        (lambda f: (f / "sequences.parquet").write_bytes(b"PAR1 no"), "cannot be read"),
        (lambda f: (f / "items.parquet").unlink(), "no such file"),
        (lambda f: rewrite(f, {"user_id": [1], "other": [2]}), "cannot be read"),
        (lambda f: rewrite(f, {"user_id": [2], "items": [[1]]}), "user_id is not 1..1"),
        (lambda f: rewrite(f, {"user_id": [1], "items": [[1, 99]]}), "item ids outside 1..40"),
        (lambda f: rewrite(f, {"user_id": [1], "items": [[0]]}), "item ids outside 1..40"),
    ],
)
def test_a_folder_that_is_not_one_is_an_error(
    folder: Path, tmp_path: Path, spoil: Callable[[Path], None], told: str
) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    spoil(tmp_path / "copy")
    with pytest.raises(InputError, match=told):
        read_prepared(tmp_path / "copy")


def test_what_is_not_as_promised_is_refused_in_a_line(folder: Path, tmp_path: Path) -> None:
    texts, numbers = pa.array(["a", "b"]), pa.array([1, None], pa.int32())
    lists = pa.array([[1, None], [2]], pa.list_(pa.int32()))
    wrong = {
        "sequences.parquet": [
            pa.table({"user_id": texts, "items": lists}),
            pa.table({"user_id": pa.array([1, 2], pa.int32()), "items": lists}),
            pa.table({"user_id": pa.array([1.5, 2.5]), "items": texts}),
            pa.table({"items": lists}),
        ],
        "items.parquet": [pa.table({"item_id": numbers}), pa.table({"item_id": texts})],
        "neighbours.parquet": [
            pa.table({"item_id": [ids], "rank": [1], "neighbour_id": [ids]})
            for ids in (0, -1, 41, 10**6, None, "a")
        ],
    }
    for name, tables in wrong.items():
        for number, table in enumerate(tables):
            place = tmp_path / f"{name}-{number}"
            shutil.copytree(folder, place)
            pq.write_table(table, place / name)
            with pytest.raises(InputError, match=name):
                read_prepared(place)
