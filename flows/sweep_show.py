"""A sweep's cells before it starts, and its results after it, as tables."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from rich import box
from rich.table import Table

from flows.experiment import Cell, Experiment
from flows.passports import console
from flows.sweep_plan import is_finished, plan
from flows.sweep_request import is_prepared
from flows.sweep_results import Ledger

Row = dict[str, Any]
Rules = Mapping[tuple[str, str, str], tuple[str, str]]
"""By dataset, backbone and variant: how seen items and ties are judged."""


def show_cells(chosen: Iterable[Cell], data: Path) -> None:
    """List the cells, where the run of each lies, and whether it is done."""
    cells = list(chosen)
    planned = plan([cell for cell in cells if is_prepared(cell.dataset, data)], data)
    done = 0
    for cell in cells:
        if cell.name not in planned.keys:
            told, place = "not prepared", "-"
        else:
            step = planned.run_of(cell)
            finished = is_finished(step)
            done += finished
            told, place = "done" if finished else "to do", str(step.folder)
        console.print(f"{told:<12} {cell.name}  {place}", highlight=False, soft_wrap=True)
    hidden = [step for key, step in planned.steps.items() if key not in planned.keys.values()]
    for step in hidden:
        told = "done" if is_finished(step) else "if needed"
        console.print(f"{told:<12} {step.name}  {step.folder}", highlight=False, soft_wrap=True)
    console.print(f"{len(cells)} cells, {done} done", highlight=False)


def show_sweep(ledger: Ledger) -> None:
    """Show means over the seeds with the gain over the baseline, and what failed."""
    experiment = ledger.experiment
    console.print(f"{experiment.title or experiment.name}: test split, means over seeds")
    for dataset, backbone, rows in summary(experiment, ledger.rows(), ledger.rules()):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column(f"{dataset} / {backbone} (seeds)", overflow="fold", min_width=18)
        for name in experiment.metrics:
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            cells = [_told(row, name) for name in experiment.metrics]
            table.add_row(f"{row['variant']} ({row['seeds']})", *cells)
        console.print(table)
    for name, message in ledger.failed_cells():
        console.print(f"failed: {name}: {message}", style="red", highlight=False, soft_wrap=True)
    console.print(f"results: {ledger.folder / 'results.csv'}", highlight=False, soft_wrap=True)


def summary(
    experiment: Experiment, rows: list[Row], rules: Rules
) -> Iterable[tuple[str, str, list[Row]]]:
    """Give, for each dataset and backbone, each variant's means and gains over its base.

    A gain is taken over the seeds that both have; there is none where the two are judged by other
    rules.
    """
    tests = [row for row in rows if row["split"] == "test" and row["status"] == "done"]
    for dataset in experiment.datasets:
        for backbone in experiment.backbones:
            here = [
                row for row in tests if (row["dataset"], row["backbone"]) == (dataset, backbone)
            ]
            of = {
                label: {row["seed"]: row for row in here if row["variant"] == label}
                for label in experiment.variants
            }
            told = []
            for label, runs in ((label, runs) for label, runs in of.items() if runs):
                base = experiment.base_of(label)
                alike = len({rules.get((dataset, backbone, name)) for name in (label, base)}) == 1
                means = _means(experiment.metrics, runs, of[base] if alike else {})
                told += [{"variant": label, "seeds": len(runs), **means}]
            if told:
                yield dataset, backbone, told


def _means(metrics: list[str], runs: dict[int, Row], base: dict[int, Row]) -> Row:
    """Give each metric's mean, and its gain unless these runs are the baseline's."""
    both = runs.keys() & base.keys()
    told: Row = {name: fmean(run[name] for run in runs.values()) for name in metrics}
    for name in metrics if both and runs is not base else ():
        before, after = (fmean(of[seed][name] for seed in sorted(both)) for of in (base, runs))
        told[f"{name} gain"] = after / before - 1 if before else None
    return told


def _told(row: Row, name: str) -> str:
    gain = row.get(f"{name} gain")
    return f"{row[name]:.4f}" + (" " * 7 if gain is None else f" {gain * 100:+5.1f}%")
