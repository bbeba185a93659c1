"""Reading what a sweep has left."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml

from basrec.comparisons import compare_all
from basrec.errors import InputError
from basrec.stated import PRINTED
from basrec.sweep_folder import read_sweep
from basrec.sweep_tables import is_sweep
from tests.basrec.conftest import write_sweep_files


def row(variant: str, seed: int, value: float | None, **told: Any) -> dict[str, Any]:
    named = {"experiment": "x", "dataset": "beauty", "backbone": "sasrec", "variant": variant}
    done = {"method": "base", "status": "done", "message": "", "run": "", "split": "test"}
    return {**named, **done, "seed": seed, "HR@10": value, **told}


def test_a_sweep_is_told_from_a_run(sweep: Path) -> None:
    assert is_sweep(sweep)
    assert not is_sweep(sweep.parents[1] / "runs" / "beauty" / "Base-1")


def test_cells_groups_and_values(sweep: Path) -> None:
    told = read_sweep(sweep)
    assert (told.datasets, told.backbones, told.baseline) == (["beauty"], ["sasrec"], "Base")
    assert len(told.cells) == 9 and [cell.name for cell in told.cells if not cell.is_done] == [
        "beauty, sasrec, alpha 0.2, seed 3"
    ]
    group = ("beauty", "sasrec", "BASRec")
    assert list(told.values(group, "HR@10")) == [1, 2, 3]
    assert told.array(group, "HR@10").tolist() == list(told.values(group, "HR@10").values())
    first = told.done(group)[0]
    assert first.run == sweep.parents[1] / "runs/beauty/BASRec-1"
    assert first.timing == {
        "seconds": 1.5,
        "seconds_per_epoch_stage1": 0.25,
        "peak_memory_mib": 100.5,
    }


def test_values_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    rows = [row("Base", 1, 0.5), row("Base", 2, float("nan")), row("Base", 3, None)]
    rows[2] |= {"status": "failed", "message": "no memory"}
    write_sweep_files(tmp_path, rows, metrics=[], variants=["Base"], baseline="")
    told = read_sweep(tmp_path)
    assert told.values(("beauty", "sasrec", "Base"), "HR@10") == {1: 0.5}
    assert told.metrics == list(PRINTED) and told.baseline == "Base"
    assert np.isfinite(told.array(("beauty", "sasrec", "Base"), "HR@10")).all()


def test_the_csv_stands_in_for_the_parquet(sweep: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(sweep, tmp_path / "a" / "b" / "tiny")
    pa.csv.write_csv(pq.read_table(moved / "results.parquet"), moved / "results.csv")
    whole = read_sweep(moved)
    (moved / "results.parquet").unlink()
    assert is_sweep(moved) and read_sweep(moved) == whole
    (moved / "results.csv").write_text("seed\nx")
    with pytest.raises(InputError, match=r"results.csv: cannot be read"):
        read_sweep(moved)


def test_a_variant_of_another_preset_has_that_presets_base(tmp_path: Path) -> None:
    presets = {"Base": "reference", "BASRec": "reference", "Base, paper": "paper"}
    presets |= {"BASRec, paper": "paper", "BASRec, strict": "strict"}
    rows = [
        row(name, 1, 0.1, preset=preset, method=name.split(",")[0].lower())
        for name, preset in presets.items()
    ]
    write_sweep_files(tmp_path, rows, variants=list(presets))
    told = read_sweep(tmp_path)
    assert {name: told.base_of(name) for name in presets} == {
        "Base": "Base",
        "BASRec": "Base",
        "Base, paper": "Base, paper",
        "BASRec, paper": "Base, paper",
        "BASRec, strict": "Base",  # there is no base of that preset
    }
    (family,) = compare_all(told)[:1]
    pairs = [(one.group[2], one.against) for one in family.comparisons]
    assert pairs == [
        ("BASRec", "Base"),
        ("BASRec, paper", "Base, paper"),
        ("BASRec, strict", "Base"),
    ]


def test_what_a_variant_stands_against_does_not_hang_on_what_has_run(tmp_path: Path) -> None:
    variants = {"Base": "reference", "BASRec": "reference", "Base-paper": "paper"}
    variants |= {"BASRec-paper": "paper"}
    stated = {n: {"method": n.split("-")[0].lower(), "preset": p} for n, p in variants.items()}
    rows = [row(n, 1, 0.1, **stated[n]) for n in ("Base-paper", "BASRec-paper")]
    write_sweep_files(tmp_path, rows, variants=stated)  # as after --only variant=Base-paper,...
    told = read_sweep(tmp_path)
    assert told.base_of("BASRec-paper") == told.base_of("Base-paper") == "Base-paper"
    assert told.base_of("BASRec") == "Base"
    assert told.kinds["BASRec"].method == "basrec" and told.kinds["BASRec"].preset == "reference"


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"seeds": ["a"]}, "seeds.0: input should be a valid integer"),
        ({"seeds": 3}, "seeds: input should be a valid list"),
        ({"seeds": [float("inf")]}, "seeds.0: input should be a valid integer"),
        ({"variants": {"Base": None}}, "variants.Base"),
        ({"published": 5}, "published"),
        ({"variants": {"Base": "x"}}, "variants.Base"),
        ({"variants": {"Base": {"settings": [1]}}}, "variants.Base.settings"),
        ({"variants": {"Base": {"settings": {"evaluation": 3}}}}, "settings.evaluation"),
        ({"metrics": "HR@10"}, "metrics: input should be a valid list"),
        ({"datasets": "beauty"}, "datasets"),
    ],
)
def test_an_experiment_of_wrong_types_is_one_line(
    sweep: Path, tmp_path: Path, stated: dict[str, Any], told: str
) -> None:
    place = shutil.copytree(sweep, tmp_path / "a")
    (place / "experiment.yaml").write_text(yaml.safe_dump(stated))
    with pytest.raises(InputError, match=r"experiment.yaml: not an experiment") as caught:
        read_sweep(place)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_not_whole_is_an_error(sweep: Path, tmp_path: Path) -> None:
    place = shutil.copytree(sweep, tmp_path / "a")
    (place / "experiment.yaml").write_text(yaml.safe_dump({"baseline": "none such"}))
    with pytest.raises(InputError, match="none of the variants"):
        read_sweep(place)
    (place / "experiment.yaml").write_text("[")
    with pytest.raises(InputError, match="is this a sweep's folder"):
        read_sweep(place)
    (place / "results.parquet").write_text("x")
    with pytest.raises(InputError, match="is this a sweep's folder"):
        read_sweep(place)
    write_sweep_files(tmp_path, [{"split": "test"}])
    with pytest.raises(InputError, match="no column 'dataset'"):
        read_sweep(tmp_path)
