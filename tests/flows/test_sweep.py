"""What a sweep plans, shares, tells and sums up; end_to_end/test_sweep.py runs whole ones."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

import basrec.errors
from basrec.errors import MachineError
from basrec.files import read_json
from basrec.training import train
from flows.children import Children, Stopped, failure
from flows.cli import app
from flows.experiment import Cell, Experiment, cells, load_experiment
from flows.sweep_board import Board, duration, epoch_cells
from flows.sweep_plan import adopt, is_finished, plan
from flows.sweep_request import check_prepared, check_same_experiment, default_jobs
from flows.sweep_results import Ledger
from flows.sweep_show import show_cells, show_sweep, summary, table_for
from pipeline.errors import InputError
from tests.basrec.conftest import write_prepared

TINY = {
    "device": "cpu",
    "kernels": "plain",
    "model": {"embedding_size": 8, "sasrec": {"inner_size": 8}},
    "train": {"stage1": {"epochs": 1}, "stage2": {"epochs": 1}},
}


def grid_of(data: Path, variants: dict[str, Any], **more: Any) -> tuple[Experiment, list[Cell]]:
    sequences = [[(user + place) % 9 + 1 for place in range(6)] for user in range(12)]
    write_prepared(data / "prepared" / "tiny", sequences, {1: 2, 2: 3})
    values = {"datasets": ["tiny"], "backbones": ["sasrec"], "settings": TINY, **more}
    file = data / "mine.yaml"
    file.write_text(yaml.safe_dump({**values, "variants": variants}, sort_keys=False))
    experiment = load_experiment(str(file))
    return experiment, cells(experiment, data)


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


def test_equal_cells_are_trained_once_and_told_twice(tmp_path: Path) -> None:
    variants = {"Base": {"method": "base"}, "Same": {"method": "base"}}
    experiment, grid = grid_of(tmp_path, variants)
    planned = plan(grid, tmp_path)
    assert len(planned.steps) == 1
    ledger = Ledger(experiment, grid, planned, tmp_path)
    ledger.failed(planned.run_of(grid[0]).key, f"{tmp_path.resolve()}/runs: no room")
    assert [name for name, _ in ledger.failed_cells()] == [cell.name for cell in grid]
    assert {row["message"] for row in ledger.rows()} == {"runs: no room"}  # wherever data lie


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


def test_two_sweeps_of_an_experiment_tell_of_all_cells(tmp_path: Path) -> None:
    experiment, grid = grid_of(tmp_path, {"Base": {"method": "base"}}, seeds=[1, 2])
    planned = plan(grid, tmp_path)
    ledgers = [Ledger(experiment, grid, planned, tmp_path) for _ in grid]
    for ledger, cell in zip(ledgers, grid, strict=True):
        step = planned.run_of(cell)
        train(step.prepared, step.folder, step.config)
        ledger.done(step.key)
    for ledger in ledgers:
        ledger.open()
        ledger.write()
    table = (tmp_path / "sweeps" / "mine" / "results.csv").read_text()
    assert all(planned.run_of(cell).key in table for cell in grid)
    assert [row["seed"] for row in ledgers[1].rows()] == [1, 1, 2, 2]


def test_another_experiment_of_the_name_is_refused(tmp_path: Path) -> None:
    variants = {"Base": {"method": "base"}}
    experiment, grid = grid_of(tmp_path, variants)
    check_same_experiment(experiment, tmp_path)  # there is none yet
    planned = plan(grid, tmp_path)
    ledger = Ledger(experiment, grid, planned, tmp_path)
    ledger.open()
    ledger.open()  # the same goes on
    stated = tmp_path / "sweeps" / "mine" / "experiment.yaml"
    before = stated.read_bytes()
    changed = load_experiment(str(tmp_path / "mine.yaml"), {"train": {"batch_size": 7}})
    asked = ["sweep", str(tmp_path / "mine.yaml"), "--data", str(tmp_path), "--dry-run"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    shown = CliRunner().invoke(app, [*asked, "--set", "train.batch_size=7"])
    assert "another experiment of this name" in str(shown.exception)
    with pytest.raises(InputError, match=r"another experiment of this name \(other settings\)"):
        Ledger(changed, grid, planned, tmp_path).open()
    assert stated.read_bytes() == before
    more = experiment.model_copy(update={"seeds": [*experiment.seeds, 77], "title": "More"})
    check_same_experiment(more, tmp_path)  # it may grow
    with pytest.raises(InputError, match=r"\(other seeds\)"):
        check_same_experiment(experiment.model_copy(update={"seeds": [77]}), tmp_path)
    redefined = {"Base": experiment.variants["Base"].model_copy(update={"preset": "strict"})}
    with pytest.raises(InputError, match=r"\(other variants\)"):
        check_same_experiment(experiment.model_copy(update={"variants": redefined}), tmp_path)
    stated.write_text("[]")
    with pytest.raises(InputError, match="delete that folder"):
        check_same_experiment(experiment, tmp_path)


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


def rows_of(values: dict[tuple[str, int], float]) -> list[dict[str, Any]]:
    told = {"dataset": "tiny", "backbone": "sasrec", "status": "done"}
    return [
        {**told, "variant": variant, "seed": seed, "split": split, "MRR": value}
        for (variant, seed), value in values.items()
        for split in ("validation", "test")
    ]


def test_gains_are_over_the_baseline_on_the_seeds_that_both_have(tmp_path: Path) -> None:
    variants = {"Base": {"method": "base"}, "Mine": {"method": "cmr"}, "None": {"method": "cmrsi"}}
    experiment, _ = grid_of(tmp_path, variants, seeds=[1, 2, 3], metrics=["MRR"])
    rules = {("tiny", "sasrec", label): ("mask", "mean") for label in variants}
    values = {("Base", 1): 0.1, ("Base", 2): 0.3, ("Mine", 1): 0.2, ("Mine", 3): 0.6}
    rows = rows_of(values)
    ((dataset, backbone, told),) = summary(experiment, rows, rules)
    assert (dataset, backbone) == ("tiny", "sasrec")
    base, mine = told  # None has no runs
    assert base == {"variant": "Base", "seeds": 2, "MRR": pytest.approx((0.1 + 0.3) / 2)}
    assert mine["MRR"] == pytest.approx((0.2 + 0.6) / 2)
    assert mine["MRR gain"] == pytest.approx(0.2 / 0.1 - 1)  # seed 1 alone


def test_a_gain_is_over_the_base_of_the_same_preset_and_rules(tmp_path: Path) -> None:
    kept = {"evaluation": {"seen": "keep"}}
    variants = {
        "Base": {"method": "base", "preset": "reference"},
        "Mine": {"method": "basrec", "preset": "reference"},
        "Base-paper": {"method": "base"},
        "Mine-paper": {"method": "basrec"},
        "Kept-paper": {"method": "basrec", "settings": kept},
        "Best": {"method": "basrec", "preset": "strict"},  # no base of its own
    }
    experiment, grid = grid_of(tmp_path, variants, metrics=["MRR"])
    rules = Ledger(experiment, grid, plan(grid, tmp_path), tmp_path).rules()
    values = {
        (label, 1): value
        for label, value in zip(variants, [0.4, 0.5, 0.2, 0.3, 0.3, 0.3], strict=True)
    }
    ((*_, told),) = summary(experiment, rows_of(values), rules)
    gains = {row["variant"]: row.get("MRR gain") for row in told}
    assert gains == {
        "Base": None,
        "Mine": pytest.approx(0.25),
        "Base-paper": None,
        "Mine-paper": pytest.approx(0.5),
        "Kept-paper": None,
        "Best": None,
    }


def test_labels_are_shown_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["BASRec [linear]", "BASRec [/x] :fire:"]
    metrics = ["HR@5", "HR@10", "HR@20", "NDCG@5", "NDCG@10", "NDCG@20", "MRR"]
    variants = {label: {"method": "base"} for label in labels}
    experiment, grid = grid_of(tmp_path, variants, metrics=metrics, title="[bold]Is it?")
    planned = plan(grid, tmp_path)
    step = planned.run_of(grid[0])
    train(step.prepared, step.folder, step.config)
    ledger = Ledger(experiment, grid, planned, tmp_path)
    ledger.done(step.key)
    show_sweep(ledger)
    show_cells(grid, tmp_path)
    told = capsys.readouterr().out
    assert "[bold]Is it?:" in told
    for label in labels:
        assert f"{label} (1) " in told and f" tiny/sasrec/{label}/1 " in told
    heads = next(line for line in told.splitlines() if "tiny / sasrec (seeds)" in line)
    assert heads.split()[-7:] == metrics and len(heads) > 100  # no terminal, no limit
    board = Board(labels, jobs=2)
    for label in labels:
        board.move(label, "running")
    console = Console(width=100)
    with console.capture() as captured:
        console.print(board.render())
    assert all(label in captured.get() for label in labels)


@pytest.mark.parametrize(("width", "shown"), [(83, 3), (84, 4), (67, 2), (51, 1)])
def test_a_narrow_terminal_shows_fewer_metrics(width: int, shown: int) -> None:
    metrics = ["HR@10", "HR@20", "NDCG@10", "NDCG@20"]
    values = {name: 0.1234 for name in metrics} | {f"{name} gain": 0.1 for name in metrics}
    console = Console(width=width)
    table = table_for(
        console, "tiny / sasrec (seeds)", [{"variant": "Mine", "seeds": 5, **values}], metrics
    )
    with console.capture() as captured:
        console.print(table)
    told = captured.get()
    assert [name for name in metrics if f" {name}" in told] == metrics[:shown]
    assert told.count("0.1234 +10.0%") == shown


def test_a_process_says_why_it_failed_and_the_next_one_is_not_started_after_a_stop(
    tmp_path: Path,
) -> None:
    _, grid = grid_of(tmp_path, {"Base": {"method": "base"}})
    step = plan(grid, tmp_path).run_of(grid[0])
    order = step.order(tmp_path / "locks") | {"prepared": str(tmp_path / "nowhere")}
    children = Children()
    with pytest.raises(MachineError, match=r"nowhere/sequences.parquet: no such file"):
        children.run(order, lambda line: None)
    children.stop()
    with pytest.raises(Stopped):
        children.run(order, lambda line: None)


@pytest.mark.parametrize(
    ("code", "complaints", "told"),
    [
        (1, "warning\nerror: no room; free space\n\n", "no room; free space"),
        (1, "Traceback\nValueError: odd\n", "ValueError: odd"),
        (3, "", "ended with code 3"),
        (
            2,
            "error: runs/x: not empty and not a run folder; choose another --out\n",
            "runs/x: not empty and not a run folder; move it away or delete it, then sweep again",
        ),
        (
            2,
            "error: x: no base run; train it first with --method base, or leave out --start-from\n",
            "x: no base run; move it away or delete it, then sweep again",
        ),
        (2, "error: x: no such file; name it by --outer", "x: no such file; name it by --outer"),
        (-9, "warning\n", "killed by SIGKILL (out of memory?)"),
        (-11, "", "killed by SIGSEGV"),
    ],
)
def test_the_last_words_of_a_process_are_the_message(code: int, complaints: str, told: str) -> None:
    assert failure(code, complaints) == told


def test_a_failed_cell_says_what_to_do_in_a_sweep(tmp_path: Path) -> None:
    _, grid = grid_of(tmp_path, {"Base": {"method": "base"}})
    step = plan(grid, tmp_path).run_of(grid[0])
    step.folder.mkdir(parents=True)
    (step.folder / "notes.txt").write_text("mine")
    with pytest.raises(MachineError, match=r"not a run folder; move it away or delete it, then"):
        Children().run(step.order(tmp_path / "locks"), lambda line: None)


def test_the_board_counts_and_shows_what_runs() -> None:
    board = Board(["a", "b", "c", "d"], jobs=2)
    board.move("a", "running")
    board.move("a", "done")
    board.move("b", "running")
    line = {"stage": 1, "epoch": 2, "epochs": 10, "seconds": 9.0, "validation": 0.25}
    board.epoch("b", line)
    board.epoch("b", {**line, "epoch": 3, "validation": None})
    board.move("c", "failed", "no room")
    console = Console(width=100)
    with console.capture() as captured:
        console.print(board.render())
    told = captured.get()
    assert "1 done, 1 running, 1 waiting, 1 failed; about" in told
    assert (
        "3/10" in told and "0.2500" in told and "1 min 3 s" in told
    )  # the last validation; 7 epochs of 9 s
    assert "c: no room" in told
    assert board.share_done == 0.5


def test_times_are_said_in_two_units() -> None:
    assert [duration(s) for s in (9.4, 63, 7260)] == ["9 s", "1 min 3 s", "2 h 1 min"]
    assert epoch_cells(None) == ["", "starts", "", ""]


def test_datasets_that_are_not_prepared_are_refused_with_the_command(tmp_path: Path) -> None:
    _, grid = grid_of(tmp_path, {"Base": {"method": "base"}}, datasets=["tiny", "yelp"])
    check_prepared(grid[:1], tmp_path)
    with pytest.raises(InputError, match=r"run 'basrec run --dataset yelp --flow prepare --set"):
        check_prepared(grid, tmp_path)
    assert default_jobs(grid) >= 1
