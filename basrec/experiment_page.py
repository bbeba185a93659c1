"""The report on a sweep: one self-contained HTML page, and its tables as Markdown, LaTeX, JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from basrec.comparisons import Family, compare_all
from basrec.errors import InputError
from basrec.experiment_figures import (
    Histories,
    colours_of,
    curves_figure,
    histories_of,
    loss_share,
    main_loss,
    mean_similarity,
    sensitivity_figure,
    similarity_summary,
    validation_of,
)
from basrec.experiment_tables import (
    LEGEND,
    PUBLISHED_HEAD,
    STATISTICS_HEAD,
    SUMMARY_HEAD,
    TableRow,
    as_data,
    build_table,
    group_name,
    number,
    percent,
    published_rows,
    statistics_rows,
    summary_rows,
)
from basrec.experiment_text import to_latex, to_markdown
from basrec.files import machine_errors, write_json, write_whole
from basrec.published import Beside, beside_published, shown
from basrec.report import facts_of
from basrec.run_folder import read_history
from basrec.sensitivity import sensitivity
from basrec.sweep_folder import Cell, Group, Sweep, read_sweep
from basrec.weight_analysis import loss_shares

Facts = dict[str, Any]
CURVE = "NDCG@10"
"""The metric that learning curves show."""
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
        table=told.table,
        summary=summary_rows(told.table),
        summary_head=SUMMARY_HEAD,
        statistics=[(family, statistics_rows(family)) for family in told.families],
        statistics_head=STATISTICS_HEAD,
        published=published_rows(told.beside),
        published_head=PUBLISHED_HEAD,
        curves=[(name, _curves(sweep, one)) for name, one in panels.items()],
        diagnostics=[
            (name, figures)
            for name, one in panels.items()
            if (figures := _diagnostic_figures(sweep, one))
        ],
        diagnostic_rows=_diagnostic_rows(panels),
        sensitivity=_sensitivity(sweep),
        times=list(TIMES),
        group_times=[(group_name(g), *_mean_times(sweep, g)) for g in sweep.groups],
        cell_times=[(cell.name, _times(cell)) for cell in sweep.cells if cell.is_done],
        failed=[cell for cell in sweep.cells if not cell.is_done],
        missing=_missing(sweep),
        runs=[_reproduction(cell) for cell in sweep.cells if cell.run is not None],
        gone=[cell.name for cell in sweep.cells if cell.is_done and not (cell.run or cell.damage)],
        damaged=[cell for cell in sweep.cells if cell.damage],
        repeat=repeat,
    )


def _curves(sweep: Sweep, histories: Histories) -> list[Markup]:
    colours = colours_of(sweep)
    return _drawn(
        curves_figure(histories, validation_of(CURVE), f"validation {CURVE}", colours),
        curves_figure(histories, main_loss, "main loss", colours),
    )


def _diagnostic_figures(sweep: Sweep, histories: Histories) -> list[Markup]:
    """Draw the similarity, and each further loss beside the main one, over the epochs."""
    colours = colours_of(sweep)
    names = _further_losses(histories)
    return _drawn(
        curves_figure(histories, mean_similarity, "similarity to the original", colours),
        *(
            curves_figure(histories, loss_share(name), f"{_words(name)} / main loss", colours)
            for name in names
        ),
    )


def _further_losses(histories: Histories) -> list[str]:
    lines = [line for told in histories.values() for history in told for line in history]
    return list(dict.fromkeys(name for line in lines for name in line["losses"] if name != "main"))


def _drawn(*figures: str | None) -> list[Markup]:
    return [Markup(figure) for figure in figures if figure]  # our own, safe


def _diagnostic_rows(panels: dict[str, Histories]) -> list[list[str]]:
    """Give, by variant, similarity by kind and losses as multiples of the main, over training."""
    rows = []
    for panel, histories in panels.items():
        for variant, told in histories.items():
            for kind, value in similarity_summary(told).items():
                rows.append([panel, variant, f"similarity: {_words(kind)}", number(value)])
            shares = [loss_shares(history) for history in told]
            for name in shares[0]:
                mean = float(np.mean([one.get(name, 0.0) for one in shares]))
                rows.append([panel, variant, f"{_words(name)} / main loss", number(mean)])
    return rows


def _words(name: str) -> str:
    return name.replace("_", " ")


def _sensitivity(sweep: Sweep) -> list[tuple[str, list[Markup]]]:
    """Draw each key that varies, a figure a data set and metric that is asked for first."""
    told: dict[tuple[str, str], list[Any]] = {}
    for curve in sensitivity(sweep, sweep.metrics[0]):
        told.setdefault((curve.key, curve.dataset), []).append(curve)
    by_key: dict[str, list[Markup]] = {}
    for (key, _), curves in told.items():
        by_key.setdefault(key, []).append(Markup(sensitivity_figure(curves)))
    return list(by_key.items())


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


def _missing(sweep: Sweep) -> list[str]:
    """Name what of the grid has no row at all."""
    there = {(*cell.group, cell.seed) for cell in sweep.cells}
    return [
        f"{group_name(group)}, seed {seed}"
        for group in sweep.groups
        for seed in sweep.seeds
        if (*group, seed) not in there
    ]


def _reproduction(cell: Cell) -> Facts:
    assert cell.run is not None
    return facts_of(cell.name, cell.run, read_history(cell.run))
