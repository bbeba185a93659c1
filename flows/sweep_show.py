"""A sweep's cells before it starts, and its results after it, as tables."""

from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from flows.experiment import Cell, Experiment
from flows.passports import UNLIMITED, console, for_tables
from flows.sweep_plan import Step, is_finished, made_elsewhere, plan
from flows.sweep_request import is_prepared
from flows.sweep_results import Ledger, Rules

Row = dict[str, Any]


def show_cells(chosen: Iterable[Cell], data: Path) -> None:
    """List the cells, where the run of each lies, and whether it is done."""
    cells = list(chosen)
    planned = plan([cell for cell in cells if is_prepared(cell.dataset, data)], data)
    states = []
    for cell in cells:
        step = planned.run_of(cell) if cell.name in planned.keys else None
        states.append(_state(step, "to do") if step else "not prepared")
        _say(f"{states[-1]:<12} {cell.name}  {step.folder if step else '-'}")
    hidden = [step for key, step in planned.steps.items() if key not in planned.keys.values()]
    for step in hidden:
        _say(f"{_state(step, 'if needed'):<12} {step.name}  {step.folder}")
    counts = [(state, states.count(state)) for state in ("done", "reused")]
    told = [f"{count} {state}" for state, count in counts if count or state == "done"]
    _say(f"{len(cells)} cells, {', '.join(told)}")


def _state(step: Step, otherwise: str) -> str:
    """Say whether a step's result is there, or will be taken over from elsewhere."""
    if is_finished(step):
        return "done"
    return "reused" if made_elsewhere(step) else otherwise


def show_sweep(ledger: Ledger) -> None:
    """Show means over the seeds with the gain over the baseline, and what failed."""
    experiment = ledger.experiment
    place = for_tables()
    shown = len(experiment.metrics)
    _say(f"{experiment.title or experiment.name}: test split, means over seeds")
    for dataset, backbone, rows in summary(experiment, ledger.rows(), ledger.rules()):
        table = table_for(place, f"{dataset} / {backbone} (seeds)", rows, experiment.metrics)
        place.print(table)
        shown = min(shown, len(table.columns) - 1)
    if shown < len(experiment.metrics):
        _say(f"too narrow for {', '.join(experiment.metrics[shown:])}: see the results")
    for name, message in ledger.failed_cells():
        _say(f"failed: {name}: {message}", "red")
    _say(f"results: {ledger.folder / 'results.csv'}")


def table_for(place: Console, title: str, rows: list[Row], metrics: list[str]) -> Table:
    """Make a table of the first metrics, as many as there is room for."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(Text(title), overflow="fold", min_width=18)
    columns = [[_told(row, name) for row in rows] for name in metrics]
    for name, column in zip(metrics, columns, strict=True):
        width = max(map(len, [name, *column]))
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    for row, *cells in zip(rows, *columns, strict=True):
        table.add_row(Text(f"{row['variant']} ({row['seeds']})"), *cells)
    if len(metrics) < 2:
        return table
    needed = Measurement.get(place, place.options.update(max_width=UNLIMITED), table).minimum
    return table if needed <= place.width else table_for(place, title, rows, metrics[:-1])


def _say(text: str, style: str = "") -> None:
    """Say a line as it is: labels may hold what looks like markup."""
    console.print(Text(text, style), soft_wrap=True)


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
