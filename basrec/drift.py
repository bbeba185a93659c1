"""How data and quality have moved over the nights: figures and rows for a page."""

from typing import Any

from markupsafe import Markup

from basrec.figures import COLOURS, INK, label_axes, new_figure, plain_name, svg_of

Night = dict[str, Any]
COUNTS = ("users", "items", "interactions")
METRIC = "NDCG@10"
BAD = ("failed", "cancelled")
MOST = 2**63
DRAWN, LISTED = 365, 14
"""So many rebuilds are drawn, and so many listed, the last ones."""


def drift_of(nights: list[Night]) -> dict[str, Any] | None:
    """Give what the page shows of a history of rebuilds, oldest first.

    None where fewer than two have gone well: then there is nothing to compare.
    """
    good = [night for night in nights if _is_good(night)][-DRAWN:]
    if len(good) < 2:
        return None
    told = [night for night in nights if _is_good(night) or night.get("outcome") in BAD]
    methods = list(dict.fromkeys(method for night in good for method in night["metrics"]))
    return {
        "num_drawn": len(good),
        "metric": METRIC,
        "methods": methods,
        "plots": [Markup(plot) for plot in drift_plots(good, methods)],  # our own, safe
        "rows": [_row(night, methods) for night in reversed(told[-LISTED:])],
    }


def drift_plots(nights: list[Night], methods: list[str]) -> list[str]:
    """Draw counts against the first night, the share of rejected rows, and a metric."""
    (one, counts), (two, rejects), (three, quality) = new_figure(), new_figure(), new_figure()
    places = range(len(nights))
    marker = "o" if len(nights) < 40 else ""
    for colour, name in zip(COLOURS, COUNTS, strict=False):
        changes = [100 * (night[name] / nights[0][name] - 1) for night in nights]
        counts.plot(places, changes, color=colour, label=name, marker=marker)
    shares = [100 * night["rejected"] / max(night["raw_rows"], 1) for night in nights]
    rejects.plot(places, shares, color=COLOURS[4], marker=marker)
    rejects.set_ylim(0, 1.1 * max(*shares, 0.01))
    for number, method in enumerate(methods):
        values = [night["metrics"].get(method, {}).get(METRIC) for night in nights]
        known = [(place, value) for place, value in zip(places, values, strict=True) if value]
        if known:
            style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "marker": marker}
            quality.plot(*zip(*known, strict=True), label=plain_name(method), **style)
    marks = sorted({0, len(nights) // 2, len(nights) - 1})
    for axes, title in (
        (counts, "change since the first of these nights, %"),
        (rejects, "rejected rows, %"),
        (quality, f"test {METRIC}"),
    ):
        axes.set_xticks(marks, [str(nights[place]["time"])[:10] for place in marks])
        label_axes(axes, title, "night")
    for axes in (counts, quality):
        axes.legend(frameon=False, labelcolor=INK, fontsize=8)
    return [svg_of(one), svg_of(two), svg_of(three)]


def _is_good(night: Night) -> bool:
    """Tell a rebuild that went well, its numbers being numbers, from all other lines."""
    numbers = [night.get(name) for name in (*COUNTS, "raw_rows", "rejected")]
    return (
        all(isinstance(number, int) and abs(number) < MOST for number in numbers)
        and all(night[name] > 0 for name in COUNTS)
        and isinstance(night.get("metrics"), dict)
        and all(isinstance(told, dict) for told in night["metrics"].values())
        and all(_is_number(told.get(METRIC)) for told in night["metrics"].values())
        and "time" in night
    )


def _is_number(value: Any) -> bool:
    """Tell what may be drawn: a number, or none."""
    return value is None or (isinstance(value, (int, float)) and not abs(value) >= MOST)


def _row(night: Night, methods: list[str]) -> dict[str, Any]:
    metrics = night["metrics"] if _is_good(night) else {}
    outcome = night.get("outcome", "done")
    return {
        "time": str(night.get("time", ""))[:16].replace("T", " "),
        "outcome": outcome if outcome == "done" else f"{outcome}: {night.get('error', '')}"[:80],
        "counts": [night.get(name) for name in (*COUNTS, "rejected")],
        "values": [metrics.get(method, {}).get(METRIC) for method in methods],
        "seconds": night.get("seconds"),
        "digest": str(night.get("digest", ""))[:8],
    }
