"""A sweep's cells and results as tables."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from basrec.training import train
from flows.sweep_board import Board
from flows.sweep_plan import plan
from flows.sweep_results import Ledger
from flows.sweep_show import show_cells, show_sweep, summary, table_for
from tests.flows.sweeping import grid_of


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
        "Items": {
            "method": "basrec",
            "preset": "reference",
            "settings": {"model": {"extra_ids": False}},
        },
    }
    experiment, grid = grid_of(tmp_path, variants, metrics=["MRR"])
    rules = Ledger(experiment, grid, plan(grid, tmp_path), tmp_path).rules()
    values = {
        (label, 1): value
        for label, value in zip(variants, [0.4, 0.5, 0.2, 0.3, 0.3, 0.3, 0.5], strict=True)
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
        "Items": None,  # other candidates are ranked
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
