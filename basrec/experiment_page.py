"""The report on a sweep: one self-contained HTML page, and its tables as Markdown, LaTeX, JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from basrec.against_published import Beside, beside_published
from basrec.comparisons import Family, compare_all
from basrec.errors import InputError
from basrec.experiment_figures import (
    Histories,
    augmented,
    colours_of,
    diagnostic_figures,
    histories_of,
    learning_figures,
    sensitivity_figure,
    sensitivity_legend,
)
from basrec.experiment_tables import (
    LEGEND,
    SEEDS_HEAD,
    SUMMARY_HEAD,
    USERS_HEAD,
    TableRow,
    blocks,
    build_table,
    group_name,
    number,
    percent,
    seeds_rows,
    summary_rows,
    users_rows,
)
from basrec.experiment_text import as_data, to_latex, to_markdown
from basrec.files import machine_errors, write_json, write_whole
from basrec.power import told_once
from basrec.published import shown
from basrec.published_table import PUBLISHED_HEAD, published_rows
from basrec.report import facts_of, facts_told
from basrec.run_folder import read_history
from basrec.sensitivity import Curve, sensitivity
from basrec.sweep_folder import Cell, Group, Sweep, read_sweep
from basrec.weight_analysis import loss_shares

Facts = dict[str, Any]
TIMES = {
    "training, s": ("seconds",),
    "stage 1, s an epoch": ("seconds_per_epoch_stage1", "seconds_stage1_epoch"),
    "stage 2, s an epoch": ("seconds_per_epoch_stage2", "seconds_stage2_epoch"),
    "peak memory, MiB": ("peak_memory_mib",),
}
"""Columns of the table of times, and what timings.csv calls them."""


@dataclass(frozen=True)
class Told:
    """All that is worked out of a sweep before it is written."""

    sweep: Sweep
    table: list[TableRow]
    families: list[Family]
    beside: list[Beside]


def write_experiment_report(
    folder: Path, published: Path, out: Path | None = None, repeat: str | None = None
) -> Path:
    """Write report.html, .md, .tex and .json into a sweep's folder, or beside `out`; give the page.

    `published` holds the published tables; `repeat` is the command that makes the sweep again.
    Errors: InputError where the sweep's folder is not whole or names an unknown table, or `out` is
    no .html file.
    """
    page = out or folder / "report.html"
    if page.suffix not in (".html", ".htm"):
        raise InputError(f"{page}: the page is HTML, its tables come beside it; name a .html file")
    sweep = read_sweep(folder)
    families = compare_all(sweep)
    table = build_table(sweep, families)
    told = Told(sweep, table, families, beside_published(sweep, published))
    texts = {
        page: render(told, repeat),
        page.with_suffix(".md"): to_markdown(sweep, table, families, told.beside),
        page.with_suffix(".tex"): to_latex(sweep, table, families, told.beside),
    }
    with machine_errors(f"{page}: writing the report"):
        page.parent.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            _write(path, text)
        write_json(page.with_suffix(".json"), as_data(sweep, table, families, told.beside))
    return page


def _write(path: Path, text: str) -> None:
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def render(told: Told, repeat: str | None = None) -> str:
    """Give the page."""
    sweep = told.sweep
    templates = Environment(loader=PackageLoader("basrec"), autoescape=True, trim_blocks=True)
    templates.filters |= {"number": number, "percent": percent, "shown": shown}
    colours = colours_of(sweep)
    common, own = told_once([family.warnings for family in told.families])
    panels = {
        f"{shown(dataset)}, {shown(backbone)}": histories
        for dataset in sweep.datasets
        for backbone in sweep.backbones
        if (histories := histories_of(sweep, dataset, backbone))
    }
    return templates.get_template("experiment.html.j2").render(
        title=sweep.title,
        sweep=sweep,
        bases=list(dict.fromkeys(map(sweep.base_of, sweep.variants))),
        legend=LEGEND,
        blocks=blocks(sweep, told.table),
        empty=[shown(name) for name in sweep.datasets if not _has_values(sweep, name)],
        summary=summary_rows(told.table),
        summary_head=SUMMARY_HEAD,
        warnings=common,
        statistics=[
            (family.metric, alone, seeds_rows(family), users_rows(family))
            for family, alone in zip(told.families, own, strict=True)
        ],
        seeds_head=SEEDS_HEAD,
        users_head=USERS_HEAD,
        published=published_rows(told.beside),
        unmatched=sum(one.ours is None for one in told.beside),
        published_head=PUBLISHED_HEAD,
        curves=[
            (name, _drawn(learning_figures(one, colours)), _legend(one, colours))
            for name, one in panels.items()
        ],
        diagnostics=[
            (name, figures, _legend(made, colours))
            for name, one in panels.items()
            if (figures := _drawn(diagnostic_figures(made := augmented(one), colours)))
        ],
        diagnostic_rows=_diagnostic_rows(sweep, panels),
        sensitivity=_sensitivity(sweep),
        times=list(TIMES),
        group_times=[
            (group_name(g), *_mean_times(sweep, g)) for g in sweep.groups if sweep.done(g)
        ],
        cell_times=[(cell.name, _times(cell)) for cell in sweep.cells if cell.is_done],
        failed=[cell for cell in sweep.cells if not cell.is_done],
        missing=(missing := _missing(sweep)),
        lacking=sum(len(seeds) for _, seeds in missing),
        runs=[_reproduction(cell) for cell in sweep.cells if cell.run or cell.origin],
        gone=[cell.name for cell in sweep.cells if cell.is_done and not (cell.run or cell.damage)],
        damaged=[cell for cell in sweep.cells if cell.damage],
        repeat=repeat,
    )


def _has_values(sweep: Sweep, dataset: str) -> bool:
    return any(cell.is_done and cell.dataset == dataset for cell in sweep.cells)


def _legend(histories: Histories, colours: dict[str, str]) -> list[tuple[str, str]]:
    return [(variant, colours[variant]) for variant in histories]


def _drawn(figures: list[str]) -> list[Markup]:
    return [Markup(figure) for figure in figures]  # our own, safe


def _diagnostic_rows(sweep: Sweep, panels: dict[str, Histories]) -> list[list[str]]:
    """Give, by variant, similarity by kind and losses as multiples of the main, over training.

    Similarities are those of similarity.csv, losses those of the histories.
    """
    rows = []
    for group in sweep.groups:
        panel = f"{shown(group[0])}, {shown(group[1])}"
        told = [cell.similarity for cell in sweep.done(group) if cell.similarity]
        shares = [loss_shares(history) for history in panels.get(panel, {}).get(group[2], [])]
        for tables, text in ((told, "similarity: {}"), (shares, "{} / main loss")):
            for name in dict.fromkeys(name for one in tables for name in one):
                mean = float(np.mean([one[name] for one in tables if name in one]))
                rows.append([panel, group[2], text.format(_words(name)), number(mean)])
    return rows


def _words(name: str) -> str:
    return name.replace("_", " ")


def _sensitivity(sweep: Sweep) -> dict[str, list[tuple[Markup, list[tuple[str, str]]]]]:
    """Draw each key that varies, a figure a data set, of the metric that is asked for first."""
    told: dict[tuple[str, str], list[Curve]] = {}
    for curve in sensitivity(sweep, sweep.metrics[0]):
        told.setdefault((curve.key, curve.dataset), []).append(curve)
    by_key: dict[str, list[tuple[Markup, list[tuple[str, str]]]]] = {}
    for (key, _), curves in told.items():
        drawn = (Markup(sensitivity_figure(curves)), sensitivity_legend(curves))  # our own, safe
        by_key.setdefault(key, []).append(drawn)
    return by_key


def _times(cell: Cell) -> list[float | None]:
    return [
        next((cell.timing[name] for name in names if name in cell.timing), None)
        for names in TIMES.values()
    ]


def _mean_times(sweep: Sweep, group: Group) -> tuple[int, list[float | None]]:
    """Give how many seeds are done and the mean of each time over them."""
    rows = [_times(cell) for cell in sweep.done(group)]
    columns = [[v for v in column if v is not None] for column in zip(*rows, strict=True)]
    means = [float(np.mean(column)) if column else None for column in columns]
    return len(rows), means or [None] * len(TIMES)


def _missing(sweep: Sweep) -> list[tuple[str, list[int]]]:
    """Name what of the grid has no row at all: groups, and their seeds."""
    there = {(*cell.group, cell.seed) for cell in sweep.cells}
    told = [(g, [seed for seed in sweep.seeds if (*g, seed) not in there]) for g in sweep.groups]
    return [(group_name(group), seeds) for group, seeds in told if seeds]


def _reproduction(cell: Cell) -> Facts:
    """Gather what it takes to repeat a cell, from its run's folder or what the sweep kept of it."""
    if cell.run is not None:
        return facts_of(cell.name, cell.run, read_history(cell.run))
    prepared = Path("data/prepared") / cell.dataset
    return facts_told(cell.name, cell.origin, cell.history, cell.timing, prepared)
