"""The k-core: peeled by hand, of itself, and empty."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.errors import InputError
from tests.pipeline.preparing import RAW_DAY, Write, passport, prepared


def test_the_core_is_peeled_round_by_round(write_dump: Write, tmp_path: Path) -> None:
    # k = 2. Round 1 takes user c (1 item); then item y has one user left and goes in round 2;
    # then user b has one item left and goes in round 3; then nothing changes.
    rows = [
        ("a", "w", 1),
        ("a", "x", 2),
        ("d", "w", 1),
        ("d", "x", 2),
        ("b", "x", 1),
        ("b", "y", 2),
        ("c", "y", 1),
    ]
    folder = prepared(write_dump(rows), tmp_path, min_count=2)
    sizes = [(r["users"], r["items"], r["interactions"]) for r in passport(folder)["iterations"]]
    assert sizes == [(4, 3, 7), (3, 3, 6), (3, 2, 5), (2, 2, 4)]
    assert passport(folder)["core"] == {"users": 2, "items": 2, "interactions": 4}


def test_a_core_of_a_core_is_itself(write_dump: Write, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = [(f"u{random.integers(40)}", f"i{random.integers(30)}", int(d)) for d in range(400)]
    first = prepared(write_dump(rows), tmp_path / "one", min_count=5)
    long = pl.read_parquet(first / "sequences.parquet").explode("items", "timestamps")
    again = [
        (f"u{row['user_id']}", f"i{row['items']}", (row["timestamps"] - RAW_DAY) // 86_400)
        for row in long.to_dicts()
    ]
    second = prepared(write_dump(again, name="again.json"), tmp_path / "two", min_count=5)
    assert passport(first)["core"] == passport(second)["core"]
    assert len(passport(second)["iterations"]) == 1


def test_nothing_left_of_the_core_is_an_error(write_dump: Write, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing is left of the core .*--min-count"):
        prepared(write_dump([("a", "x", 1), ("b", "y", 2)]), tmp_path, min_count=5)
    assert not (tmp_path / "prepared").exists()
