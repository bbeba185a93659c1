"""Neighbours of a prepared folder, against a plain loop and by hand."""

from collections import Counter, defaultdict
from itertools import permutations
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.config import NeighbourConfig
from pipeline.neighbours import add_neighbours
from pipeline.schemas import validate
from tests.pipeline.preparing import Write, prepared


def naive_neighbours(
    sequences: list[list[int]], similarity: str, top: int
) -> list[tuple[int, ...]]:
    """Count pairs in a plain loop."""
    weight: dict[tuple[int, int], float] = defaultdict(float)
    users: Counter[int] = Counter()
    for sequence in sequences:
        items = set(sequence[:-3])
        users.update(items)
        for pair in permutations(items, 2):
            weight[pair] += 1 / log(1 + len(items)) if similarity == "iuf" else 1.0
    rows = []
    for item in sorted(users):
        scored = [
            (-round(value / sqrt(users[item] * users[other]), 12), other)
            for (own, other), value in weight.items()
            if own == item
        ]
        rows += [(item, r, o) for r, (_, o) in enumerate(sorted(scored)[:top], start=1)]
    return rows


@pytest.mark.parametrize("similarity", ["iuf", "cosine"])
@pytest.mark.parametrize("top", [1, 4])
def test_neighbours_equal_a_naive_loop(
    write_dump: Write,
    tmp_path: Path,
    similarity: Any,
    top: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.similar.PAIRS_AT_ONCE", 300)  # several chunks
    random = np.random.default_rng(3)
    rows = [(f"u{random.integers(50)}", f"i{random.integers(40)}", int(d)) for d in range(500)]
    folder = prepared(write_dump(rows), tmp_path)
    manifest = add_neighbours(folder, NeighbourConfig(similarity=similarity, top=top))
    sequences = pl.read_parquet(folder / "sequences.parquet")["items"].to_list()
    found = pl.read_parquet(folder / "neighbours.parquet")
    assert found.select("item_id", "rank", "neighbour_id").rows() == naive_neighbours(
        sequences, similarity, top
    )
    without = manifest.rows["items_without_neighbours"]
    assert without == pl.read_parquet(folder / "items.parquet").height - found["item_id"].n_unique()
    validate(folder)


def test_neighbours_by_hand(write_dump: Write, tmp_path: Path) -> None:
    # Training parts: u has a b, v has a c d; w has b b (one distinct item).
    rows = [("u", i, d) for d, i in enumerate("abxyz")] + [
        ("v", i, d) for d, i in enumerate("acdxyz")
    ]
    rows += [("w", i, d) for d, i in enumerate("bbxyz")]
    folder = prepared(write_dump(rows), tmp_path)
    add_neighbours(folder, NeighbourConfig(similarity="iuf"))
    items = pl.read_parquet(folder / "items.parquet")["item"].to_list()
    found = {
        (items[i - 1], items[n - 1]): s
        for i, _, n, s in pl.read_parquet(folder / "neighbours.parquet").rows()
    }
    assert found[("a", "b")] == pytest.approx(1 / log(3) / 2)  # a and b have two users each
    assert found[("c", "d")] == pytest.approx(1 / log(4))
    assert found[("d", "a")] == pytest.approx(1 / log(4) / sqrt(2))
    assert not any(i in "xyz" or n in "xyz" for i, n in found)  # held out everywhere
