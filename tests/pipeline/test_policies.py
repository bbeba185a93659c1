"""Each policy, split and fact of the passport, on dumps small enough to work out by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.config import DataConfig, NeighbourConfig
from pipeline.errors import InputError
from pipeline.interactions import ingest
from pipeline.neighbours import add_neighbours
from pipeline.passport import PublishedCounts
from pipeline.preparation import prepare
from pipeline.schemas import validate
from tests.conftest import Row, dense_rows

Write = Callable[..., Path]
DAY = 86_400
START = 1_300_000_000


def prepared(raw: Path, out: Path, **options: Any) -> Path:
    published = options.pop("published", None)
    config = DataConfig(**{"min_count": 1} | options)
    ingest([raw], out / "in", config)
    prepare(out / "in", out / "out", config, published)
    validate(out / "out")
    return out / "out"


def passport(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "passport.json").read_text())
    return values


def sequences(folder: Path) -> dict[str, list[str]]:
    """Give the sequences in original ids."""
    items = pl.read_parquet(folder / "items.parquet")["item"].to_list()
    users = pl.read_parquet(folder / "users.parquet")["user"].to_list()
    lists = pl.read_parquet(folder / "sequences.parquet")["items"].to_list()
    return {user: [items[item - 1] for item in own] for user, own in zip(users, lists, strict=True)}


def test_counting_pairs_takes_out_who_only_repeats(write_dump: Write, tmp_path: Path) -> None:
    rows = [*dense_rows(3, 3), ("again", "i0", 1), ("again", "i0", 2), ("again", "i0", 3)]
    raw = write_dump(rows)
    by_interactions = prepared(raw, tmp_path / "a", min_count=3)
    by_pairs = prepared(raw, tmp_path / "b", min_count=3, counting="pairs")
    assert passport(by_interactions)["core"] == {"users": 4, "items": 3, "interactions": 12}
    assert passport(by_pairs)["core"] == {"users": 3, "items": 3, "interactions": 9}
    assert passport(by_pairs)["steps"][-1]["step"] == "3-core of pairs"


def test_users_and_items_have_minimums_of_their_own(write_dump: Write, tmp_path: Path) -> None:
    rows: list[Row] = [("a", "x", 1), ("a", "y", 2), ("b", "x", 1), ("b", "z", 2), ("c", "x", 1)]
    raw = write_dump(rows)
    users = prepared(raw, tmp_path / "a", min_user_count=2)
    items = prepared(raw, tmp_path / "b", min_item_count=2)
    assert sequences(users) == {"a": ["x", "y"], "b": ["x", "z"]}
    assert sequences(items) == {"a": ["x"], "b": ["x"], "c": ["x"]}


def test_equal_rows_are_dropped_only_when_asked(write_dump: Write, tmp_path: Path) -> None:
    raw = write_dump([("a", "x", 1), ("a", "x", 1), ("a", "x", 2)])
    assert sequences(prepared(raw, tmp_path / "a")) == {"a": ["x"] * 3}
    dropped = prepared(raw, tmp_path / "b", duplicates="drop")
    assert sequences(dropped) == {"a": ["x"] * 2}
    steps = {step["step"]: step["removed"] for step in passport(dropped)["steps"]}
    assert steps["exact duplicates: drop"] == 1


def test_ties_by_file_by_item_or_refused(write_dump: Write, tmp_path: Path) -> None:
    raw = write_dump([("a", "z", 1), ("a", "y", 1), ("a", "x", 2)])
    assert sequences(prepared(raw, tmp_path / "a")) == {"a": ["z", "y", "x"]}
    assert sequences(prepared(raw, tmp_path / "b", ties="item")) == {"a": ["y", "z", "x"]}
    with pytest.raises(InputError, match=r"1 of 1 users .*--ties"):
        prepared(raw, tmp_path / "c", ties="refuse")
    assert not (tmp_path / "c" / "out").exists()
    alone = write_dump([("a", "z", 1), ("a", "y", 2)], name="alone.json")
    assert sequences(prepared(alone, tmp_path / "d", ties="refuse")) == {"a": ["z", "y"]}


def test_ids_by_appearance_by_name_or_by_a_draw(write_dump: Write, tmp_path: Path) -> None:
    raw = write_dump([(user, item, 1) for user, item in zip("cab", "zxy", strict=True)])

    def order(name: str, **options: Any) -> str:
        return "".join(sequences(prepared(raw, tmp_path / name, **options)))

    assert order("a") == "cab"
    assert order("b", id_order="sorted") == "abc"
    draws = {order(f"r{seed}", id_order="random", seed=seed) for seed in range(6)}
    assert len(draws) > 1 and all(sorted(draw) == ["a", "b", "c"] for draw in draws)
    assert order("again", id_order="random", seed=3) == order("r3", id_order="random", seed=3)


def test_a_sample_of_users_depends_on_the_seed_alone(write_dump: Write, tmp_path: Path) -> None:
    rows = [(f"u{user}", f"i{item}", item) for user in range(200) for item in range(2)]
    one = sequences(prepared(write_dump(rows), tmp_path / "a", sample_users=0.3, seed=1))
    two = sequences(
        prepared(write_dump(rows[::-1], name="b.json"), tmp_path / "b", sample_users=0.3, seed=1)
    )
    other = sequences(prepared(write_dump(rows), tmp_path / "c", sample_users=0.3, seed=2))
    assert one == two and set(one) != set(other)
    assert 40 < len(one) < 80 and all(len(own) == 2 for own in one.values())


def test_the_strict_policy_and_what_departs_from_it(write_dump: Write, tmp_path: Path) -> None:
    raw = write_dump([("b", "z", 1), ("b", "y", 1), ("b", "z", 3), ("a", "z", 1)])
    folder = prepared(raw, tmp_path / "a", policy="strict", ties="file")
    assert sequences(folder) == {"a": ["z"], "b": ["z", "y"]}
    rules = passport(folder)["protocol"]
    assert (rules["policy"], rules["repeats"], rules["counting"]) == ("strict", "first", "pairs")
    assert rules["departs"] == {"ties": "file", "min_count": 1}


def test_leakage_and_parts_by_hand(write_dump: Write, tmp_path: Path) -> None:
    # a trains on days 1 2, b on 5 6; targets of test: a day 4, b day 8, c day 0.
    rows = [("a", f"i{day}", day) for day in (1, 2, 3, 4)]
    rows += [("b", f"j{day}", day) for day in (5, 6, 7, 8)] + [("c", "k", 0)]
    told = passport(prepared(write_dump(rows), tmp_path))["split"]
    parts = {n: (part["users"], part["interactions"]) for n, part in told["parts"].items()}
    assert parts == {"train": (2, 4), "validation": (2, 2), "test": (3, 3)}
    leakage = told["leakage"]
    assert leakage["targets_older_than_training"] == 2  # a's and c's, by b's
    assert leakage["mean_share_of_training_newer"] == pytest.approx((2 / 4 + 0 + 4 / 4) / 3)


def test_a_split_by_time_and_by_the_last_n(write_dump: Write, tmp_path: Path) -> None:
    rows = [(user, f"{user}{day}", day) for user in "ab" for day in range(10)]
    raw = write_dump(rows)

    def parts(name: str, **options: Any) -> tuple[dict[str, Any], dict[str, int]]:
        told = passport(prepared(raw, tmp_path / name, **options))
        sizes = {name: part["interactions"] for name, part in told["split"]["parts"].items()}
        return told["protocol"]["split"], sizes

    assert parts("loo") == ({"rule": "leave_one_out"}, {"train": 16, "validation": 2, "test": 2})
    assert parts("n", split="last_n", held_out=3) == (
        {"rule": "last_n", "held_out": 3},
        {"train": 8, "validation": 6, "test": 6},
    )
    usual, sizes = parts("time", split="global_time")  # 80 % of 20 is the 16th, on day 7
    assert usual["validation_from"] == START + 7 * DAY
    assert usual["test_from"] == START + 8 * DAY
    assert sizes == {"train": 14, "validation": 2, "test": 4}
    given, sizes = parts(
        "given", split="global_time", validation_from="2011-03-15", test_from="2011-03-20"
    )
    assert (given["validation_from"], given["test_from"]) == (1_300_147_200, 1_300_579_200)
    assert sizes == {"train": 4, "validation": 10, "test": 6}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"split": "last_n", "held_out": 10}, "leaves nothing for train, validation"),
        ({"split": "global_time", "validation_from": "2000-01-01"}, "nothing for train"),
        ({"split": "global_time", "test_from": "2030-01-01"}, "leaves nothing for test"),
    ],
)
def test_a_split_that_leaves_a_part_empty_is_refused(
    options: dict[str, Any], told: str, write_dump: Write, tmp_path: Path
) -> None:
    raw = write_dump([("a", f"i{day}", day) for day in range(10)])
    with pytest.raises(InputError, match=told):
        prepared(raw, tmp_path, **options)
    assert not (tmp_path / "out").exists()


def test_neighbours_come_from_the_training_part_of_the_split(
    write_dump: Write, tmp_path: Path
) -> None:
    rows = [(user, f"i{day}", day) for user in "ab" for day in range(7)]
    raw = write_dump(rows)

    def known(name: str, **options: Any) -> set[str]:
        folder = prepared(raw, tmp_path / name, **options)
        add_neighbours(folder, NeighbourConfig())
        validate(folder)
        items = pl.read_parquet(folder / "items.parquet")["item"].to_list()
        found = pl.read_parquet(folder / "neighbours.parquet")["item_id"].unique()
        return {items[item - 1] for item in found}

    assert known("loo") == {"i0", "i1", "i2", "i3"}
    assert known("n", split="last_n", held_out=2) == {"i0", "i1"}  # three to train
    assert known("more", split="last_n", held_out=3) == set()  # one, which is only a target
    days = {"validation_from": "2011-03-18", "test_from": "2011-03-19"}  # after day 4
    assert known("time", split="global_time", **days) == {"i0", "i1", "i2", "i3"}


def test_a_difference_from_the_published_counts_is_explained(
    write_dump: Write, tmp_path: Path
) -> None:
    rows = [*dense_rows(3, 3), ("again", "i0", 1), ("again", "i0", 2), ("again", "i0", 3)]
    raw = write_dump(rows)

    def against(name: str, users: int, interactions: int) -> dict[str, Any]:
        counts = PublishedCounts(users=users, items=3, interactions=interactions)
        folder = prepared(raw, tmp_path / name, min_count=3, published=counts)
        told: dict[str, Any] = passport(folder)["published"]
        return told

    assert against("same", 4, 12)["explained_by"] == []
    told = against("pairs", 3, 9)
    assert told["difference"] == {"users": 1, "items": 0, "interactions": 3}
    assert {"counting": "pairs"} in told["explained_by"]
    assert {"repeats": "first"} in told["explained_by"]
    assert against("other", 99, 99)["explained_by"] == []


def test_distributions_of_the_passport(write_dump: Write, tmp_path: Path) -> None:
    rows = [("a", "x", 0), ("a", "y", 40), ("b", "x", 0), ("c", "x", 0)]
    told = passport(prepared(write_dump(rows), tmp_path))["distributions"]
    assert told["lengths"] == [{"length": 1, "users": 2}, {"length": 2, "users": 1}]
    assert told["months"] == [
        {"month": "2011-03", "interactions": 3},
        {"month": "2011-04", "interactions": 1},
    ]
    assert told["popularity"] == [
        {"rank": 1, "interactions": 3, "share": 0.75},
        {"rank": 2, "interactions": 1, "share": 1.0},
    ]
    assert told["top_items"][0] == {"item_id": 1, "item": "x", "interactions": 3}
