"""Figures for reports, as SVG text that reads on a light and on a dark page."""

import io
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

INK = "#7d8590"
COLOURS = ("#2f81f7", "#db6d28", "#3fb950", "#a371f7", "#e5534b", "#c69026")
History = list[dict[str, Any]]


def learning_curves(histories: dict[str, History]) -> list[str]:
    """Draw validation NDCG@10 and the main loss; stage 2 begins at the dotted line."""
    (first, left), (second, right) = new_figure(), new_figure()
    for number, (name, history) in enumerate(histories.items()):
        # Runs that share their first stage lie on each other: the earlier are drawn wider.
        style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "label": plain_name(name)}
        style["linewidth"] = 1.6 + 2.4 * (number < len(histories) - 1)
        epochs = range(1, len(history) + 1)
        measured = [
            (epoch, line["validation"]["NDCG@10"])
            for epoch, line in zip(epochs, history, strict=True)
            if line["validation"]
        ]
        if measured:
            left.plot(*zip(*measured, strict=True), **style)
        right.plot(epochs, [line["losses"]["main"] for line in history], **style)
        stage1 = sum(line["stage"] == 1 for line in history)
        if 0 < stage1 < len(history):
            for axes in (left, right):
                axes.axvline(stage1 + 0.5, color=style["color"], linestyle=":", linewidth=1)
    label_axes(left, "validation NDCG@10", "epoch")
    label_axes(right, "main loss", "epoch")
    right.legend(frameon=False, labelcolor=INK, fontsize=8)
    return [svg_of(first), svg_of(second)]


def core_rounds(rounds: list[dict[str, Any]]) -> str:
    """Draw how users, items and interactions shrink over the rounds of the k-core."""
    figure, axes = new_figure()
    for colour, name in zip(COLOURS, ("users", "items", "interactions"), strict=False):
        values = [entry[name] for entry in rounds]
        axes.plot(range(len(values)), values, marker="o", color=colour, label=name)
    _logarithmic(axes, "y")
    axes.set_xticks(range(0, len(rounds), max(1, len(rounds) // 8)))
    label_axes(axes, "left after each round of the k-core", "round")
    axes.legend(frameon=False, labelcolor=INK, fontsize=8)
    return svg_of(figure)


def passport_plots(passport: dict[str, Any]) -> list[str]:
    """Draw what a passport tells: rounds of the k-core, lengths, popularity, time."""
    plots = [core_rounds(passport["iterations"])]
    told = passport.get("distributions")
    if not told:  # a folder of an earlier version
        return plots
    (one, lengths), (two, popularity), (three, months) = new_figure(), new_figure(), new_figure()
    lengths.plot(
        [row["length"] for row in told["lengths"]],
        [row["users"] for row in told["lengths"]],
        color=COLOURS[0],
    )
    popularity.plot(
        [row["rank"] for row in told["popularity"]],
        [row["interactions"] for row in told["popularity"]],
        color=COLOURS[1],
        marker="o",
    )
    for axes in (lengths, popularity):
        _logarithmic(axes, "xy")
    counts = [row["interactions"] for row in told["months"]]
    months.plot(range(len(counts)), counts, color=COLOURS[2])
    places = sorted({0, len(counts) // 2, len(counts) - 1})
    months.set_xticks(places, [told["months"][place]["month"] for place in places])
    months.set_ylim(bottom=0)
    label_axes(lengths, "users by length of sequence", "interactions of a user")
    label_axes(popularity, "interactions of an item", "rank of the item")
    label_axes(months, "interactions over time", "month")
    return [*plots, svg_of(one), svg_of(two), svg_of(three)]


def plain_name(name: str) -> str:
    """Keep matplotlib from reading a name as a formula, or as one that is not to be shown."""
    return " " * name.startswith("_") + name.replace("$", r"\$")


def new_figure() -> tuple[Figure, Axes]:
    """Make an empty figure of the size that all have."""
    figure = Figure(figsize=(4.4, 2.9), layout="constrained")
    return figure, figure.subplots()


def _logarithmic(axes: Axes, which: str) -> None:
    """Make axes logarithmic, with plain numbers on them."""
    for name in which:
        axes.set(**{f"{name}scale": "log"})
        axis = {"x": axes.xaxis, "y": axes.yaxis}[name]
        low, high = axis.get_data_interval()
        is_short = high < 1000 * max(low, 1)
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if is_short else (1,)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.set_minor_formatter(NullFormatter())


def label_axes(axes: Axes, title: str, below: str) -> None:
    """Give axes their title and label, in an ink that reads on light and dark."""
    axes.set_title(title, color=INK, fontsize=10)
    axes.set_xlabel(below, color=INK, fontsize=9)
    axes.tick_params(colors=INK, labelsize=8, which="both")
    axes.patch.set_alpha(0.0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)


def svg_of(figure: Figure) -> str:
    """Give the SVG element alone, the same text for the same figure."""
    text = io.StringIO()
    settings: Any = {"svg.hashsalt": "basrec", "svg.fonttype": "none", "font.family": "sans-serif"}
    with matplotlib.rc_context(settings):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
