"""A synthetic raw dump in the Amazon 2018 layout, so that everything runs without a download.

It is made up: users and items do not exist. What it has in common with real dumps is heavy-tailed
activity and popularity, dates of whole days with many ties, sparse users and items that a k-core
peels in several rounds, and some broken lines. Planted in it is a taste structure: items belong to
tastes, each item has a few natural successors within its taste, and users drift between tastes.
"""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

DAY = 86_400
FIRST_DAY = 15_700  # 2012-12-26
TASTES = 30
ITEMS_PER_TASTE = 70
FOLLOW, STAY = 0.35, 0.45
"""Share of steps to a natural successor, and to a popular item of the same taste."""
BROKEN_SHARE = 0.002


@dataclass(frozen=True)
class SampleSummary:
    """What was written."""

    path: Path
    rows: int
    broken: int
    users: int
    items: int


def write_sample(path: Path, rows: int = 60_000, seed: int = 7) -> SampleSummary:
    """Write about `rows` reviews as gzip JSON lines, byte for byte the same for the same seed."""
    rng = np.random.default_rng(seed)
    user, item, day = _draw_interactions(rows, rng)
    order = np.lexsort((np.arange(len(day)), day))
    lines = _render(user[order], item[order], day[order], rng)
    broken = _break_some(lines, rng)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".tmp")
    try:
        with beside.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as out:
            out.write("".join(lines).encode())
        beside.replace(path)
    finally:
        if beside.exists():
            beside.unlink()
    users, items = len(np.unique(user)), len(np.unique(item))
    return SampleSummary(path, len(lines), broken, users, items)


def _draw_interactions(
    rows: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walk all users at once, step by step; give user, item and day of every interaction."""
    lengths = _draw_lengths(rows, rng)
    popular = _popularity(rng)
    taste = rng.integers(TASTES, size=len(lengths))
    place = _pick(popular, len(lengths), rng)
    day = FIRST_DAY + rng.integers(0, 1_900, size=len(lengths))
    users, items, days = [], [], []
    for step in range(int(lengths.max())):
        active = np.flatnonzero(lengths > step)
        users.append(active)
        items.append(taste[active] * ITEMS_PER_TASTE + place[active])
        days.append(day[active])
        move = rng.random(len(lengths))
        successor = (place * 7 + 1 + rng.integers(0, 3, size=len(place))) % ITEMS_PER_TASTE
        place = np.where(move < FOLLOW, successor, _pick(popular, len(place), rng))
        taste = np.where(move < FOLLOW + STAY, taste, (taste + 1) % TASTES)
        gap = rng.geometric(0.02, size=len(place))
        day = day + np.where(rng.random(len(place)) < 0.55, 0, gap)
    return np.concatenate(users), np.concatenate(items), np.concatenate(days)


def _draw_lengths(rows: int, rng: np.random.Generator) -> np.ndarray:
    """Draw activities: most users have one to four reviews, some have very many."""
    casual = 1 + rng.geometric(0.55, size=rows)
    active = 5 + np.minimum(rng.pareto(2.2, size=rows) * 4, 120).astype(np.int64)
    lengths = np.where(rng.random(rows) < 0.36, active, np.minimum(casual, 4))
    return np.asarray(lengths[: int(np.searchsorted(np.cumsum(lengths), rows)) + 1])


def _popularity(rng: np.random.Generator) -> np.ndarray:
    """Give the cumulative popularity of the places in a taste, heavy-tailed (Zipf)."""
    weights = 1.0 / np.arange(1, ITEMS_PER_TASTE + 1) ** 0.9
    return np.asarray(np.cumsum(rng.permutation(weights)) / weights.sum())


def _pick(popular: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return np.minimum(np.searchsorted(popular, rng.random(count)), ITEMS_PER_TASTE - 1)


def _render(
    user: np.ndarray, item: np.ndarray, day: np.ndarray, rng: np.random.Generator
) -> list[str]:
    """Write each interaction as a line of the Amazon 2018 layout."""
    user_names = rng.permutation(16**6)[: user.max() + 1]
    item_names = rng.permutation(16**6)[: TASTES * ITEMS_PER_TASTE]
    stars = rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], p=[0.06, 0.05, 0.09, 0.2, 0.6], size=len(user))
    extra = rng.integers(0, 35, size=len(user))
    lines = []
    for u, i, d, star, more in zip(
        user_names[user].tolist(),
        item_names[item].tolist(),
        day.tolist(),
        stars.tolist(),
        extra.tolist(),
        strict=True,
    ):
        when = datetime.fromtimestamp(d * DAY, UTC)
        row = {
            "overall": star,
            "verified": more % 4 > 0,
            "reviewTime": f"{when.month:02d} {when.day}, {when.year}",
            "reviewerID": f"A{u:06X}SAMPLE",
            "asin": f"B00{i:06X}",
            "reviewerName": f"Made-up reader {more}",
            "reviewText": "synthetic “text”\nsecond line" if more % 5 else "",
            "summary": "synthetic",
            "unixReviewTime": d * DAY,
        }
        if more % 7 == 0:
            row["vote"] = "1,024"
        if more % 5 == 0:
            row["style"] = {"Size:": " Large"}
        lines.append(json.dumps(row) + "\n")
    return lines


def _break_some(lines: list[str], rng: np.random.Generator) -> int:
    """Spoil some lines in the ways that real dumps are spoilt; give their number."""
    spots = rng.choice(len(lines), size=round(len(lines) * BROKEN_SHARE), replace=False)
    for number, spot in enumerate(sorted(spots.tolist())):
        line = lines[spot]
        lines[spot] = (
            line[: len(line) // 2] + "\n",
            "<html>503 Service Unavailable</html>\n",
            line.replace('"asin"', '"isbn"'),
            line.replace('"reviewerID": "', '"reviewerID": null, "was": "'),
            line.replace('"unixReviewTime": ', '"unixReviewTime": "yesterday", "was": '),
        )[number % 5]
    return len(spots)
