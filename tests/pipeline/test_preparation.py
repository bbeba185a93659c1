"""Preparation on dumps small enough to work out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from pipeline.config import DataConfig
from pipeline.errors import InputError
from pipeline.interactions import ingest
from pipeline.passport import PublishedCounts
from pipeline.preparation import prepare
from tests.conftest import Row, dense_rows
from tests.pipeline.preparing import Write, passport, prepared, text_of


def test_ids_follow_first_appearance_and_the_walk_through_sequences(
    write_dump: Write, tmp_path: Path
) -> None:
    rows = [("b", "x", 5), ("a", "y", 1), ("b", "z", 2), ("a", "x", 3), ("b", "y", 2)]
    # user b comes first. Its order: z and y tie on day 2 (file order), then x; user a: y, x
    folder = prepared(write_dump(rows), tmp_path)
    assert text_of(folder) == ["1 1 2 3", "2 2 3"]
    assert pl.read_parquet(folder / "users.parquet")["user"].to_list() == ["b", "a"]
    assert pl.read_parquet(folder / "items.parquet")["item"].to_list() == ["z", "y", "x"]
    ties = passport(folder)["ties"]
    assert (ties["users_with_ties"], ties["users_with_last_two_tied"]) == (1, 0)


def test_users_are_numbered_before_the_core_takes_some_out(
    write_dump: Write, tmp_path: Path
) -> None:
    rows: list[Row] = [("lonely", "i9", 1), *reversed(dense_rows())]
    folder = prepared(write_dump(rows), tmp_path, min_count=5)
    names = pl.read_parquet(folder / "users.parquet")["user"].to_list()
    assert names == ["u5", "u4", "u3", "u2", "u1", "u0"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["1 1 2 1 3"]),
        ({"repeats": "first"}, ["1 1 2 3"]),
        ({"repeats": "last"}, ["1 1 2 3"]),
        ({"since": "2011-03-14"}, ["1 1 2 3"]),
        ({"until": "2011-03-15 07:06:40"}, ["1 1 2 1"]),
        ({"until": "2011-03-15 07:06:39"}, ["1 1 2"]),
        ({"until": "2011-03-15"}, ["1 1 2"]),
    ],
)
def test_window_and_repeats(
    write_dump: Write, tmp_path: Path, options: dict[str, Any], expected: list[str]
) -> None:
    rows = [
        ("u", "x", 0),
        ("u", "y", 1),
        ("u", "x", 2),
        ("u", "z", 3),
    ]  # day 0: 2011-03-13 07:06:40
    folder = prepared(write_dump(rows), tmp_path, **options)
    assert text_of(folder) == expected
    names = pl.read_parquet(folder / "items.parquet")["item"].to_list()
    if options.get("repeats") == "last":
        assert names == ["y", "x", "z"]


def test_minimum_rating_leaves_out_lower_and_unrated(tmp_path: Path) -> None:
    raw = tmp_path / "ratings.csv"
    raw.write_text("u,a,5.0,1300000000\nu,b,3.0,1300000001\nu,c,,1300000002\n")
    options = {"format": "amazon_ratings_2014", "threads": 1}
    assert text_of(prepared(raw, tmp_path / "all", **options)) == ["1 1 2 3"]
    assert text_of(prepared(raw, tmp_path / "some", min_rating=4, **options)) == ["1 1"]


def test_digests_do_not_depend_on_threads_or_file_form(write_dump: Write, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    rows = [
        (f"u{random.integers(300)}", f"i{random.integers(90)}", int(d) % 50) for d in range(9000)
    ]
    one = prepared(write_dump(rows), tmp_path / "one", threads=1)
    two = prepared(write_dump(rows, name="dump.json"), tmp_path / "two", threads=2, memory="1GB")
    for name in ("interactions", "users", "items", "sequences"):
        assert (one / f"{name}.parquet").read_bytes() == (two / f"{name}.parquet").read_bytes()
    assert passport(one)["digest"] == passport(two)["digest"]


def test_the_digest_does_not_depend_on_the_order_of_users(
    write_dump: Write, tmp_path: Path
) -> None:
    rows = dense_rows()
    one = prepared(write_dump(rows), tmp_path / "one")
    two = prepared(write_dump(sorted(rows, reverse=True), name="b.json"), tmp_path / "two")
    assert passport(one)["digest"] == passport(two)["digest"]
    three = prepared(write_dump([*rows, ("u0", "i0", 9)], name="c.json"), tmp_path / "three")
    assert passport(one)["digest"] != passport(three)["digest"]


def test_published_counts_are_compared(write_dump: Write, tmp_path: Path) -> None:
    config = DataConfig(min_count=5)
    ingest([write_dump(dense_rows())], tmp_path / "in", config)
    published = PublishedCounts(users=7, items=6, interactions=36)
    prepare(tmp_path / "in", tmp_path / "out", config, published)
    told = passport(tmp_path / "out")["published"]
    assert told["difference"] == {"users": -1, "items": 0, "interactions": 0}


@pytest.mark.parametrize("damage", ["format", "bytes", "columns"])
def test_a_damaged_ingested_folder_is_told(damage: str, tmp_path: Path, write_dump: Write) -> None:
    config = DataConfig(memory="512MB", threads=1)
    ingest([write_dump(dense_rows())], tmp_path / "in", config)
    rows, manifest = tmp_path / "in" / "interactions.parquet", tmp_path / "in" / "manifest.json"
    if damage == "format":
        manifest.write_text(manifest.read_text().replace('"amazon_2014"', '"amazazon"'))
    elif damage == "bytes":
        told = bytearray(rows.read_bytes())
        told[20:200] = bytes(180)
        rows.write_bytes(told)
    else:
        pq.write_table(pq.read_table(rows).drop_columns(["row"]), rows)
    with pytest.raises(InputError, match=r"damaged|cannot be read|failures"):
        prepare(tmp_path / "in", tmp_path / "out", config, None)
    assert not (tmp_path / "out").exists()
