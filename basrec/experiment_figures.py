"""Figures of a sweep: learning curves, what the augmentation does over time, sensitivity."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from basrec.colours import colour_of
from basrec.figures import INK, History, label_axes, new_figure, plain_name, svg_of
from basrec.published import shown
from basrec.run_folder import read_history
from basrec.sensitivity import Curve, as_interval, value_text
from basrec.sweep_folder import Sweep

CURVE = "NDCG@10"
"""The metric that learning curves show."""
MOST_TICKS = 7
"""Of a sensitivity's values, each gets a tick up to so many."""
Histories = dict[str, list[History]]
"""By variant, a history a seed."""
Series = Callable[[History], list[float | None]]
"""Gives a value an epoch, None where there is none."""


def histories_of(sweep: Sweep, dataset: str, backbone: str) -> Histories:
    """Give the histories of a data set's and backbone's finished cells, bases first.

    Where a run folder is gone it is what history.csv tells: validation and the summed loss.
    """
    bases = dict.fromkeys(map(sweep.base_of, sweep.variants))
    found = {
        variant: [
            history
            for cell in sweep.done((dataset, backbone, variant))
            if (history := read_history(cell.run) if cell.run else cell.history)
        ]
        for variant in dict.fromkeys([*bases, *sweep.variants])
    }
    return {variant: told for variant, told in found.items() if told}


def validation_of(metric: str) -> Series:
    """Give a metric on the validation split."""
    return lambda history: [(line["validation"] or {}).get(metric) for line in history]


def has_main_loss(histories: Histories) -> bool:
    """Tell whether the main loss is told apart from the sum everywhere."""
    return all("main" in line["losses"] for told in histories.values() for h in told for line in h)


def main_loss(history: History) -> list[float | None]:
    """Give the main loss."""
    return [line["losses"].get("main") for line in history]


def summed_loss(history: History) -> list[float | None]:
    """Give the loss that is trained on, all its parts."""
    return [line["loss"] for line in history]


def mean_similarity(history: History) -> list[float | None]:
    """Give the similarity to the original, averaged over kinds of samples."""
    told = [line.get("similarity") for line in history]
    return [sum(kinds.values()) / len(kinds) if kinds else None for kinds in told]


def loss_share(name: str) -> Series:
    """Give a further loss as a multiple of the main one."""

    def share(history: History) -> list[float | None]:
        losses = [line["losses"] for line in history]
        return [one[name] / one["main"] if name in one and one["main"] else None for one in losses]

    return share


def learning_figures(histories: Histories, colours: dict[str, str]) -> list[str]:
    """Draw validation and loss over the epochs."""
    loss = (main_loss, "main loss") if has_main_loss(histories) else (summed_loss, "training loss")
    figures = (
        curves_figure(histories, validation_of(CURVE), f"validation {CURVE}", colours),
        curves_figure(histories, *loss, colours),
    )
    return [figure for figure in figures if figure]


def augmented(histories: Histories) -> Histories:
    """Leave the variants whose histories tell of augmented samples, or of a further loss."""
    return {
        variant: told
        for variant, told in histories.items()
        if _further_losses({variant: told})
        or any(line.get("similarity") for history in told for line in history)
    }


def diagnostic_figures(histories: Histories, colours: dict[str, str]) -> list[str]:
    """Draw the similarity, and each further loss beside the main one, over the epochs."""
    figures = [curves_figure(histories, mean_similarity, "similarity to the original", colours)]
    for name in _further_losses(histories):
        title = f"{name.replace('_', ' ')} / main loss"
        figures.append(curves_figure(histories, loss_share(name), title, colours))
    return [figure for figure in figures if figure]


def _further_losses(histories: Histories) -> list[str]:
    lines = [line for told in histories.values() for history in told for line in history]
    return list(dict.fromkeys(name for line in lines for name in line["losses"] if name != "main"))


def curves_figure(
    histories: Histories, series: Series, title: str, colours: dict[str, str]
) -> str | None:
    """Draw the mean over seeds of each variant, its seeds thin behind; None without a value.

    Seeds end at different epochs: the mean goes on as long as half of them do. The second stage of
    all begins at the dotted line, where the longest first stage has ended; a first stage that
    variants share is drawn once, for the first of them.
    """
    figure, axes = new_figure()
    drawn: set[tuple[Any, ...]] = set()
    start = 0
    for stage in (1, 2):
        parts = {name: _of_stage(told, series, stage) for name, told in histories.items()}
        if stage == 2 and start and any(parts.values()):
            _mark(axes, start)
        for place, (variant, rows) in enumerate(parts.items()):
            if not {(stage, *row) for row in rows} - drawn:
                continue
            drawn |= {(stage, *row) for row in rows}
            # The first, a base, lies on top as a finer line: what it meets is seen around it.
            style = {"color": colours[variant], "zorder": 3 - (place > 0)}
            _draw(axes, rows, start, style, 1.4 if place == 0 else 2.2)
        start = max([start, *(len(row) for rows in parts.values() for row in rows if stage == 1)])
    if not drawn:
        return None
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    label_axes(axes, title, "epoch" if start else "epoch of stage 2")
    return svg_of(figure)


def _of_stage(told: list[History], series: Series, stage: int) -> list[list[float | None]]:
    """Give a series over the epochs of one stage, a row a seed; none where nothing is told."""
    rows = [
        [
            value
            for line, value in zip(history, series(history), strict=True)
            if line.get("stage", 1) == stage
        ]
        for history in told
    ]
    return [row for row in rows if any(value is not None for value in row)]


def _mark(axes: Axes, start: int) -> None:
    """Mark where the second stage begins."""
    axes.axvline(start + 0.5, color=INK, linestyle=":", linewidth=1)
    axes.text(
        start + 0.5,
        0.03,
        " stage 2",
        {"color": INK},
        fontsize=8,
        transform=axes.get_xaxis_transform(),
    )


def _draw(
    axes: Axes, rows: list[list[float | None]], start: int, style: dict[str, Any], width: float
) -> None:
    """Draw one variant's rows from an epoch on, thin, and their mean."""
    values = _padded(rows)
    epochs = start + np.arange(1, values.shape[1] + 1)
    if len(rows) > 1:
        for row in values:
            axes.plot(epochs, row, linewidth=0.5, alpha=0.45, **style)
    counts = np.sum(~np.isnan(values), axis=0)
    is_kept = counts >= max(1, len(rows) / 2)
    mean = np.nansum(values[:, is_kept], axis=0) / counts[is_kept]
    dot = "o" if is_kept.sum() < 10 else None
    axes.plot(epochs[is_kept], mean, linewidth=width, marker=dot, ms=3, **style)


def _padded(rows: Sequence[Sequence[float | None]]) -> np.ndarray:
    """Lay rows of different lengths side by side, NaN where there is nothing."""
    values = np.full((len(rows), max(map(len, rows))), np.nan)
    for number, row in enumerate(rows):
        values[number, : len(row)] = [np.nan if value is None else value for value in row]
    return values


def sensitivity_figure(curves: Sequence[Curve]) -> str:
    """Draw how a metric changes with a key's values on one data set, a line a backbone.

    A point is the mean difference to the reference over common seeds, with its 95 % interval.
    """
    figure, axes = new_figure()
    values = sorted({value for curve in curves for value, _, _ in curve.points}, key=as_interval)
    is_interval = isinstance(values[0], tuple)
    axes.axhline(0.0, color=INK, linestyle=":", linewidth=1)
    for number, curve in enumerate(curves):
        told = [summary for _, _, summary in curve.points]
        axes.errorbar(
            [values.index(v) if isinstance(v, tuple) else v for v, _, _ in curve.points],
            [one.mean for one in told],
            yerr=[0.0 if one.low is None else one.mean - one.low for one in told],
            color=colour_of(number),
            marker="o",
            markersize=4,
            capsize=3,
        )
    if is_interval:
        axes.set_xticks(range(len(values)), [value_text(value) for value in values])
    elif len(values) <= MOST_TICKS:
        axes.set_xticks(values, [value_text(value) for value in values])
    first = curves[0]
    title = f"change of test {first.metric}, {plain_name(shown(first.dataset))}"
    label_axes(axes, title, first.key)
    return svg_of(figure)


def sensitivity_legend(curves: Sequence[Curve]) -> list[tuple[str, str]]:
    """Name each line: its backbone, and what its zero stands for."""
    return [
        (
            f"{shown(curve.backbone)}, against {value_text(curve.reference)} "
            f"(there {curve.level.mean:.4f}, {curve.level.n} seed{'s' * (curve.level.n > 1)})",
            colour_of(number),
        )
        for number, curve in enumerate(curves)
    ]


def colours_of(sweep: Sweep) -> dict[str, str]:
    """Give each variant a colour that it has in all figures."""
    return {name: colour_of(place) for place, name in enumerate(sweep.variants)}
