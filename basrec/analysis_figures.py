"""Figures of an analysis: similarity over epochs, transitions, loss weights."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from basrec.figures import (
    COLOURS,
    INK,
    History,
    label_axes,
    new_figure,
    plain_name,
    svg_of,
)

Facts = dict[str, Any]
LINES = ("-", "--", ":", "-.")


def similarity_curves(histories: dict[str, History]) -> str:
    """Draw the similarity by kind of sample over the epochs that have one; a colour a run."""
    figure, axes = new_figure()
    watched = {
        name: [line for line in history if "similarity" in line]
        for name, history in histories.items()
    }
    watched = {name: lines for name, lines in watched.items() if lines}
    for number, (name, lines) in enumerate(watched.items()):
        for which, kind in enumerate(lines[0]["similarity"]):
            # With one run its kinds take the colours; with several each run has one.
            colour = COLOURS[(number if len(watched) > 1 else which) % len(COLOURS)]
            label = said(kind) if len(watched) == 1 else f"{plain_name(name)}: {said(kind)}"
            axes.plot(
                [line["epoch"] for line in lines],
                [line["similarity"][kind] for line in lines],
                color=colour,
                linestyle=LINES[which % len(LINES)],
                marker="o" if len(lines) < 10 else None,
                markersize=3,
                label=label,
            )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    label_axes(axes, "cosine similarity to the original", "epoch")
    if watched:
        _legend(figure)
    return svg_of(figure)


def transition_bars(diversity: Facts) -> str:
    """Draw how many distinct transitions there are, those that the data do not have set apart."""
    figure, axes = new_figure()
    samples = diversity["samples"]
    names = ["training data", *map(said, samples)]
    known = [
        diversity["training"]["distinct"],
        *(told["distinct"] - told["new"] for told in samples.values()),
    ]
    new = [0, *(told["new"] for told in samples.values())]
    places = range(len(names))
    axes.barh(places, known, height=0.6, color=COLOURS[0], label="in the training data")
    axes.barh(places, new, height=0.6, left=known, color=COLOURS[1], label="new")
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(right=1.08 * max(map(sum, zip(known, new, strict=True)), default=1) or 1)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    label_axes(axes, "distinct transitions", "pairs of an item and the next")
    _legend(figure)
    return svg_of(figure)


def weight_histogram(weights: Facts) -> str:
    """Draw how loss weights are distributed under each preset, over their powers of ten."""
    figure, axes = new_figure()
    for number, (name, told) in enumerate(weights.items()):
        edges, shares = told["histogram"]["log10_edges"], told["histogram"]["shares"]
        axes.stairs(
            shares,
            edges,
            color=COLOURS[number % len(COLOURS)],
            linestyle="-" if told["is_own"] else "--",
            linewidth=2.2 if told["is_own"] else 1.3,
            label=f"{name} ({plain_name(told['kind'])})",
        )
    first, last = edges[0], edges[-1]
    ticks = range(int(first), int(last) + 1, 2)
    axes.set_xticks(list(ticks), [_power(tick, tick == int(first)) for tick in ticks])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    label_axes(axes, "share of the loss weights", "weight")
    _legend(figure)
    return svg_of(figure)


def said(kind: str) -> str:
    """Write the name of a kind of sample as words."""
    return plain_name(kind.replace("_", " "))


def _power(exponent: int, is_lowest: bool) -> str:
    number = f"{10.0**exponent:g}" if exponent >= -3 else f"1e{exponent}"
    return f"≤ {number}" if is_lowest else number


def _legend(figure: Figure) -> None:
    """Name the lines below the axes, where they hide nothing."""
    figure.legend(loc="outside lower center", ncols=2, frameon=False, labelcolor=INK, fontsize=8)
