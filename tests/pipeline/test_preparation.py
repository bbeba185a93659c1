"""Ingest, prepare and neighbours on dumps small enough to work out by hand."""

import gzip
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import permutations
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from pipeline import engine as engine_module
from pipeline.config import DataConfig, NeighbourConfig
from pipeline.errors import InputError, MachineError
from pipeline.folder import building
from pipeline.interactions import ingest
from pipeline.manifest import Manifest
from pipeline.neighbours import add_neighbours
from pipeline.passport import PublishedCounts
from pipeline.preparation import prepare
from pipeline.schemas import validate
from pipeline.text import write_text
from tests.conftest import Row, dense_rows

Write = Callable[..., Path]
RAW_DAY = 1_300_000_000


def prepared(raw: Path, out: Path, **options: Any) -> Path:
    config = DataConfig(**{"min_count": 1, "max_rejects": 0.9} | options)
    ingest([raw], out / "in", config)
    prepare(out / "in", out / "prepared", config)
    return out / "prepared"


def text_of(folder: Path) -> list[str]:
    write_text(folder, folder.parent / "text")
    return (folder.parent / "text").read_text().splitlines()


def passport(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "passport.json").read_text())
    return values


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


def test_rejects_keep_their_line_and_reason(write_dump: Write, tmp_path: Path) -> None:
    raw = write_dump(dense_rows(), extra=["<html>", '{"reviewerID": "u0"', '{"asin": "x"}'])
    folder = prepared(raw, tmp_path)
    rejects = pl.read_parquet(folder / "rejects.parquet").rows()
    assert rejects == [
        (37, "not_json", "<html>"),
        (38, "truncated", '{"reviewerID": "u0"'),
        (39, "missing_user", '{"asin": "x"}'),
    ]
    values = passport(folder)
    assert values["raw_rows"] == 39
    assert values["rejected_rows"] == {"missing_user": 1, "not_json": 1, "truncated": 1}


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


def test_stages_are_reused_until_input_config_or_output_change(
    write_dump: Write, tmp_path: Path
) -> None:
    raw = write_dump(dense_rows())

    def run(**options: Any) -> list[bool]:
        config = DataConfig(**{"max_rejects": 0.9} | options)
        top = NeighbourConfig(top=options.pop("top", 10)) if "top" in options else NeighbourConfig()
        stages: list[Manifest] = [
            ingest([raw], tmp_path / "in", config),
            prepare(tmp_path / "in", tmp_path / "out", config),
            add_neighbours(tmp_path / "out", top),
        ]
        return [stage.reused for stage in stages]

    assert run() == [False, False, False]
    assert run() == [True, True, True]
    assert run(memory="2GB", threads=1) == [True, True, True]
    assert run(min_count=4) == [True, False, False]
    (tmp_path / "out" / "neighbours.parquet").unlink()
    assert run(min_count=4) == [True, True, False]
    (tmp_path / "in" / "interactions.parquet").unlink()
    (tmp_path / "in" / "interactions.parquet").write_bytes(b"damaged")
    assert run(min_count=4) == [False, True, True]
    (tmp_path / "in" / "manifest.json").write_text("{damaged")
    assert run(min_count=4) == [False, True, True]
    with gzip.open(raw, "at") as more:
        more.write("not json\n")
    assert run(min_count=4) == [False, False, False]


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


def test_nothing_left_of_the_core_is_an_error(write_dump: Write, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing is left of the core .*--min-count"):
        prepared(write_dump([("a", "x", 1), ("b", "y", 2)]), tmp_path, min_count=5)
    assert not (tmp_path / "prepared").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<!doctype html><html>", "looks like an HTML page"),
        ('[{"reviewerID": 1},', "looks like a JSON array"),
        ('{\n  "reviewerID": "a"\n}', "looks like pretty-printed JSON"),
        ('{"who": "a", "what": "b"}', "JSON with other fields"),
        ("\n\r\n\n", "no line with anything on it"),
        ("u,i,5.0,1300000000\nv,j,4.0,1300000000\n", "try --format amazon_ratings_2014 or"),
    ],
)
def test_a_dump_of_another_kind_is_told_what_it_looks_like(
    tmp_path: Path, text: str, told: str
) -> None:
    raw = tmp_path / "raw"
    raw.write_text(text)
    with pytest.raises(InputError, match=told):
        ingest([raw], tmp_path / "in", DataConfig())
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_a_truncated_dump_leaves_nothing(write_dump: Write, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    rows = [(f"u{random.integers(999)}", f"i{random.integers(999)}", 1) for _ in range(3000)]
    raw = write_dump(rows)
    raw.write_bytes(raw.read_bytes()[:-2000])
    with pytest.raises(InputError, match="breaks off"):
        ingest([raw], tmp_path / "in", DataConfig())
    assert not (tmp_path / "in").exists()


def test_a_folder_that_is_not_ours_is_left_alone(write_dump: Write, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="not made by basrec"):
        ingest([write_dump(dense_rows())], tmp_path / "in", DataConfig())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        ingest([write_dump(dense_rows())], tmp_path / "file", DataConfig())


def test_a_full_disk_is_the_machine_s_fault_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="the disk is full"), building(tmp_path / "out"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_is_the_machine_s_fault(tmp_path: Path) -> None:
    duckdb = engine_module.duckdb
    with (
        pytest.raises(MachineError, match="--memory"),
        engine_module.open_engine(tmp_path, "64MB", 1),
    ):
        raise duckdb.OutOfMemoryException("Out of Memory Error: failed")


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("users.parquet", pl.col("user_id") + 1, "wanted ids 1, 2, 3"),
        ("items.parquet", pl.col("item_id") * 0 + 1, "failures"),
        ("sequences.parquet", pl.col("timestamps").list.reverse(), "times that do not decrease"),
        ("sequences.parquet", pl.col("items").list.head(3), "as many timestamps|length"),
        ("neighbours.parquet", pl.col("item_id").alias("neighbour_id"), "never the item itself"),
        ("neighbours.parquet", pl.col("similarity") * -1, "failures"),
        ("neighbours.parquet", pl.col("neighbour_id") + 100, "only known neighbours"),
        ("neighbours.parquet", pl.col("item_id").cast(pl.Int64), "failures"),
        ("interactions.parquet", pl.col("timestamp") * 1000, "failures"),
        ("rejects.parquet", pl.lit("").alias("reason"), "failures"),
    ],
)
def test_validation_names_what_is_wrong(
    write_dump: Write, tmp_path: Path, name: str, change: pl.Expr, told: str
) -> None:
    folder = prepared(write_dump(dense_rows(), extra=["<html>"]), tmp_path, min_count=5)
    add_neighbours(folder, NeighbourConfig())
    validate(folder)
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    frame = pl.read_parquet(broken / name).with_columns(change)
    (broken / name).unlink()
    frame.write_parquet(broken / name)
    with pytest.raises(InputError, match=told) as caught:
        validate(broken)
    assert name in str(caught.value)


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
