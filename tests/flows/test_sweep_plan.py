"""What a sweep plans and shares; end_to_end/test_sweep.py runs whole ones."""

from pathlib import Path

import pytest

import basrec.errors
from basrec.files import read_json
from basrec.training import train
from flows.sweep_plan import adopt, is_finished, plan
from flows.sweep_results import Ledger
from flows.sweep_show import show_cells
from tests.flows.sweeping import grid_of


def test_a_second_stage_starts_from_the_base_run_of_the_grid(tmp_path: Path) -> None:
    variants = {"Mine": {"method": "basrec"}, "Base": {"method": "base"}}
    _, grid = grid_of(tmp_path, variants, seeds=[1, 2])
    planned = plan(grid, tmp_path)
    names = [step.name for step in planned.steps.values()]
    assert names == [  # bases first, under the names of their cells
        *("tiny/sasrec/Base/1", "tiny/sasrec/Base/2"),
        *("tiny/sasrec/Mine/1", "tiny/sasrec/Mine/2"),
    ]
    mine, base = planned.run_of(grid[0]), planned.run_of(grid[2])
    assert (mine.needs, mine.start_from) == (base.key, base.folder)
    assert base.folder.name == f"base-sasrec-seed1-{base.key[:8]}"


def test_a_base_run_that_is_not_in_the_grid_is_added_once(tmp_path: Path) -> None:
    one_stage = {"augmentation": {"two_stages": False}}
    variants = {
        "Base": {"method": "base", "preset": "reference"},  # another first stage
        "Linear": {"method": "basrec", "settings": {"augmentation": {"mixup": "linear"}}},
        "Mine": {"method": "basrec"},
        "At once": {"method": "basrec", "settings": one_stage},
    }
    _, grid = grid_of(tmp_path, variants)
    planned = plan(grid, tmp_path)
    names = [step.name.removeprefix("tiny/sasrec/") for step in planned.steps.values()]
    assert names == ["Base/1", "base for tiny/sasrec/Linear/1", "Linear/1", "Mine/1", "At once/1"]
    needs = [planned.run_of(cell).needs for cell in grid]
    assert needs[1] == needs[2] is not None and needs[0] is needs[3] is None


def test_equal_generations_are_made_once(tmp_path: Path) -> None:
    variants = {
        "All": {"method": "random"},
        "Real": {"method": "random", "settings": {"augmentation": {"prior": {"targets": "real"}}}},
        "More": {"method": "random", "settings": {"augmentation": {"prior": {"count": 3}}}},
    }
    _, grid = grid_of(tmp_path, variants)
    planned = plan(grid, tmp_path)
    kinds = [step.kind for step in planned.steps.values()]
    assert kinds == ["generate", "generate", "train", "train", "train"]
    every, real, more = (planned.run_of(cell) for cell in grid)
    assert every.generated == real.generated != more.generated
    assert every.generated == planned.steps[str(every.needs)].folder and every.start_from is None


def test_a_run_made_elsewhere_is_taken_over_by_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, grid = grid_of(tmp_path, {"Base": {"method": "base"}})
    planned = plan(grid, tmp_path)
    (step,) = planned.missing(grid)
    assert not adopt(step)
    train(step.prepared, tmp_path / "runs" / "tiny" / "by-hand", step.config)
    show_cells(grid, tmp_path)
    told = capsys.readouterr().out.splitlines()
    assert told == [
        f"reused       tiny/sasrec/Base/1  {step.folder}",
        "1 cells, 0 done, 1 reused",
    ]
    assert not is_finished(step)  # to show is not to do
    assert planned.take_over(grid) == [step] and planned.take_over(grid) == []
    assert planned.missing(grid) == [] and is_finished(step)
    assert read_json(step.folder / "manifest.json")["key"] == step.key
    ledger = Ledger(experiment, grid, planned, tmp_path)
    ledger.done(step.key)
    metrics = read_json(step.folder / "metrics.json")
    (validation, test) = ledger.rows()
    assert (validation["MRR"], test["MRR"]) == (
        metrics["validation"]["MRR"],
        metrics["test"]["MRR"],
    )
    assert (test["epochs_stage1"], test["epochs_stage2"]) == (1, 0)
    assert test["run"] == f"runs/tiny/sweeps/{step.folder.name}"
    show_cells(grid, tmp_path)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"done         tiny/sasrec/Base/1  {step.folder}"
    assert told[-1] == "1 cells, 1 done"


@pytest.mark.parametrize("content", ["[]", '{"key": ', "{}", '{"key": "KEY"}', "\xff"])
def test_a_damaged_manifest_is_no_finished_run(tmp_path: Path, content: str) -> None:
    _, grid = grid_of(tmp_path, {"Base": {"method": "base"}})
    planned = plan(grid, tmp_path)
    step = planned.run_of(grid[0])
    for folder in (step.folder, tmp_path / "runs" / "tiny" / "by-hand"):
        folder.mkdir(parents=True)
        told = content.replace("KEY", step.key).encode("latin-1")
        (folder / "manifest.json").write_bytes(told)
    assert not is_finished(step) and planned.missing(grid) == [step]


def test_cells_that_are_not_chosen_need_not_work(tmp_path: Path) -> None:
    _, grid = grid_of(tmp_path, {"Base": {"method": "base"}}, datasets=["tiny", "yelp"])
    planned = plan(grid, tmp_path, grid[:1])
    assert list(planned.keys) == ["tiny/sasrec/Base/1"]
    with pytest.raises(basrec.errors.InputError, match="yelp"):
        plan(grid, tmp_path, grid)
