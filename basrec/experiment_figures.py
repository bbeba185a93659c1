"""Figures of a sweep: learning curves, what the augmentation does over time, sensitivity."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from basrec.analysis import similarity_over
from basrec.figures import COLOURS, INK, History, label_axes, new_figure, plain_name, svg_of
from basrec.published import shown
from basrec.run_folder import read_history
from basrec.sensitivity import Curve, as_interval
from basrec.sweep_folder import Sweep

MOST_TICKS = 7
"""Of a sensitivity's values, each gets a tick up to so many."""
Histories = dict[str, list[History]]
"""By variant, a history a seed."""
Series = Callable[[History], list[float | None]]
"""Gives a value an epoch, None where there is none."""


def histories_of(sweep: Sweep, dataset: str, backbone: str) -> Histories:
    """Read the histories of a data set's and backbone's finished cells."""
    found = {
        variant: [
            read_history(cell.run)
            for cell in sweep.done((dataset, backbone, variant))
            if cell.run is not None
        ]
        for variant in sweep.variants
    }
    return {variant: told for variant, told in found.items() if told}


def validation_of(metric: str) -> Series:
    """Give a metric on the validation split."""
    return lambda history: [(line["validation"] or {}).get(metric) for line in history]


def main_loss(history: History) -> list[float | None]:
    """Give the main loss."""
    return [line["losses"].get("main") for line in history]


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


def curves_figure(
    histories: Histories, series: Series, title: str, colours: dict[str, str]
) -> str | None:
    """Draw the mean over seeds of each variant, its seeds thin behind; None without a value.

    Seeds end at different epochs: the mean goes on as long as half of them do.
    """
    figure, axes = new_figure()
    is_empty = True
    for variant, told in histories.items():
        rows = [series(history) for history in told]
        if all(value is None for row in rows for value in row):
            continue
        is_empty = False
        values = _padded(rows)
        epochs = np.arange(1, values.shape[1] + 1)
        style: dict[str, Any] = {"color": colours[variant]}
        if len(rows) > 1:
            for row in values:
                axes.plot(epochs, row, linewidth=0.5, alpha=0.45, **style)
        counts = np.sum(~np.isnan(values), axis=0)
        is_kept = counts >= max(1, len(rows) / 2)
        mean = np.nansum(values[:, is_kept], axis=0) / counts[is_kept]
        dot = "o" if is_kept.sum() < 10 else None
        label = plain_name(variant)
        axes.plot(epochs[is_kept], mean, linewidth=1.8, marker=dot, ms=3, label=label, **style)
    if is_empty:
        return None
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    label_axes(axes, title, "epoch")
    legend_below(figure)
    return svg_of(figure)


def _padded(rows: Sequence[Sequence[float | None]]) -> np.ndarray:
    """Lay rows of different lengths side by side, NaN where there is nothing."""
    values = np.full((len(rows), max(map(len, rows))), np.nan)
    for number, row in enumerate(rows):
        values[number, : len(row)] = [np.nan if value is None else value for value in row]
    return values


def sensitivity_figure(curves: Sequence[Curve]) -> str:
    """Draw a metric over a key's values on one data set, a line a backbone, with 95 % intervals."""
    figure, axes = new_figure()
    values = sorted({value for curve in curves for value, _, _ in curve.points}, key=as_interval)
    is_interval = isinstance(values[0], tuple)
    for number, curve in enumerate(curves):
        told = [summary for _, _, summary in curve.points]
        axes.errorbar(
            [values.index(v) if isinstance(v, tuple) else v for v, _, _ in curve.points],
            [one.mean for one in told],
            yerr=[0.0 if one.low is None else one.mean - one.low for one in told],
            color=COLOURS[number % len(COLOURS)],
            linestyle="-" if number < len(COLOURS) else "--",
            marker="o",
            markersize=4,
            capsize=3,
            label=plain_name(shown(curve.backbone)),
        )
    if is_interval:
        axes.set_xticks(range(len(values)), [_interval(value) for value in values])
    elif len(values) <= MOST_TICKS:
        axes.set_xticks(values, [f"{value:g}" for value in values])
    first = curves[0]
    label_axes(axes, f"test {first.metric}, {plain_name(shown(first.dataset))}", first.key)
    legend_below(figure)
    return svg_of(figure)


def _interval(value: Any) -> str:
    return f"{value[0]:g}\N{EN DASH}{value[1]:g}"


def legend_below(figure: Figure) -> None:
    """Name the lines below the axes, where they hide nothing."""
    figure.legend(loc="outside lower center", ncols=2, frameon=False, labelcolor=INK, fontsize=8)


def colours_of(sweep: Sweep) -> dict[str, str]:
    """Give each variant a colour that it has in all figures."""
    palette = (*COLOURS, "#39c5cf", "#d2a8ff", "#8b949e", "#f778ba")
    return {name: palette[place % len(palette)] for place, name in enumerate(sweep.variants)}


def similarity_summary(histories: list[History]) -> dict[str, float]:
    """Give the similarity by kind of sample over training, averaged over seeds."""
    told = [similarity_over(history)["over_training"] for history in histories]
    told = [one for one in told if one]
    return {kind: float(np.mean([one[kind] for one in told])) for kind in (told[0] if told else ())}
