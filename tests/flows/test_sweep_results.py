"""What a sweep knows of its cells."""

from pathlib import Path

from basrec.training import train
from flows.sweep_plan import plan
from flows.sweep_results import Ledger
from tests.flows.sweeping import grid_of


def test_equal_cells_are_trained_once_and_told_twice(tmp_path: Path) -> None:
    variants = {"Base": {"method": "base"}, "Same": {"method": "base"}}
    experiment, grid = grid_of(tmp_path, variants)
    planned = plan(grid, tmp_path)
    assert len(planned.steps) == 1
    ledger = Ledger(experiment, grid, planned, tmp_path)
    ledger.failed(planned.run_of(grid[0]).key, f"{tmp_path.resolve()}/runs: no room")
    assert [name for name, _ in ledger.failed_cells()] == [cell.name for cell in grid]
    assert {row["message"] for row in ledger.rows()} == {"runs: no room"}  # wherever data lie


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
