"""Which items each split reads and aims at."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.evaluation import read_metrics
from basrec.negatives import build_sampler
from basrec.prepared import Prepared, read_prepared
from basrec.split import Examples, Split, examples_of, prefixes_of
from basrec.training import train
from tests.basrec.conftest import write_prepared


def make(lengths: list[int]) -> Prepared:
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    items = torch.arange(1, int(offsets[-1]) + 1)
    return Prepared(items, offsets, torch.zeros(len(items) + 1).long(), len(items), {})


def test_each_split_when_a_user_has_five_items() -> None:
    # items 1 2 3 4 5: train reads 1 2 and aims at 2 3; validation aims at 4; test at 5
    prepared = make([5])
    aims = {}
    for split in ("train", "validation", "test"):
        example = examples_of(prepared, split)
        stop = int(example.start[0] + example.length[0])
        aims[split] = (prepared.items[:stop].tolist(), int(prepared.items[stop]))
    assert aims == {
        "train": ([1, 2], 3),
        "validation": ([1, 2, 3], 4),
        "test": ([1, 2, 3, 4], 5),
    }


def test_short_users_have_no_example() -> None:
    prepared = make([1, 2, 3, 4])
    assert examples_of(prepared, "train").user.tolist() == [3]
    assert examples_of(prepared, "validation").user.tolist() == [2, 3]
    assert examples_of(prepared, "test").user.tolist() == [1, 2, 3]


def test_cut_keeps_the_last_items() -> None:
    cut = examples_of(make([9]), "test").cut(3)
    assert (cut.start.tolist(), cut.length.tolist()) == ([5], [3])


def with_split(folder: Path, split: dict[str, Any], lists: list[list[int]]) -> Path:
    """Write sequences whose i-th interaction of all is at second i, and the rule of their split."""
    write_prepared(folder, lists, {1: 2})
    seconds = iter(range(sum(map(len, lists))))
    times = pl.Series("timestamps", [[next(seconds) for _ in own] for own in lists])
    frame = pl.read_parquet(folder / "sequences.parquet").with_columns(times)
    frame.write_parquet(folder / "sequences.parquet")
    (folder / "passport.json").write_text(json.dumps({"protocol": {"split": split}}))
    return folder


LISTS = [[1, 2, 3, 4, 5, 6], [7], [8, 9, 1], [2, 3, 4, 5]]  # at 0..5, 6, 7..9, 10..13


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (
            {"rule": "last_n", "held_out": 2},  # user 1 trains on 1 2, user 4 on none
            {
                "train": [([1], 2)],
                "validation": [([1, 2], 3), ([1, 2, 3], 4), ([2], 3)],
                "test": [
                    *[([1, 2, 3, 4], 5), ([1, 2, 3, 4, 5], 6)],
                    *[([8], 9), ([8, 9], 1), ([2, 3], 4), ([2, 3, 4], 5)],
                ],
            },
        ),
        (
            {"rule": "global_time", "validation_from": 9, "test_from": 12},
            {
                "train": [([1, 2, 3, 4, 5], 6), ([8], 9)],
                "validation": [([8, 9], 1), ([2], 3)],
                "test": [([2, 3], 4), ([2, 3, 4], 5)],
            },
        ),
    ],
)
def test_other_rules_by_hand(
    split: dict[str, Any], expected: dict[Split, list[tuple[list[int], int]]], tmp_path: Path
) -> None:
    prepared = read_prepared(with_split(tmp_path / "p", split, LISTS))
    for name, wanted in expected.items():
        told = examples_of(prepared, name)
        found = [
            (prepared.items[start : start + length].tolist(), int(prepared.items[start + length]))
            for start, length in zip(told.start.tolist(), told.length.tolist(), strict=True)
        ]
        assert found == wanted, name
    assert json.loads(prepared.digests["split"]) == split


def test_negatives_may_be_held_out_items_of_the_split(tmp_path: Path) -> None:
    split = {"rule": "last_n", "held_out": 2}
    prepared = read_prepared(with_split(tmp_path / "p", split, LISTS))
    sampler = build_sampler(prepared, "train", False, torch.device("cpu"))
    assert sampler.free.tolist() == [7, 9, 9, 9]  # of 9 items user 1 trains on two


def test_an_unknown_rule_is_told(tmp_path: Path) -> None:
    folder = with_split(tmp_path / "p", {"rule": "by_mood"}, LISTS)
    with pytest.raises(InputError, match=r"passport.json: states no split that is known"):
        read_prepared(folder)


@pytest.mark.parametrize(
    "split",
    [
        {"rule": "last_n", "held_out": 2},
        {"rule": "global_time", "validation_from": 200, "test_from": 260},
    ],
)
def test_a_run_says_its_split_and_counts_its_targets(split: dict[str, Any], tmp_path: Path) -> None:
    lists = [[(user + 3 * step) % 12 + 1 for step in range(10)] for user in range(30)]
    prepared = with_split(tmp_path / "p", split, lists)
    config = TrainConfig.model_validate(
        {
            "model": {"embedding_size": 8},
            "train": {"stage1": {"epochs": 1}, "stage2": {"epochs": 1}},
        }
    )
    train(prepared, tmp_path / "run", config)
    metrics = read_metrics(tmp_path / "run")
    assert metrics["policy"]["split"] == split
    held = {"validation": 60, "test": 60} if split["rule"] == "last_n" else None
    # by time: of users 20..29 all is new but what comes first; users 20..25, then 26..29
    assert metrics["targets"] == (held or {"validation": 54, "test": 36})
    late = {**split, "validation_from": 0, "test_from": 400}
    with pytest.raises(InputError, match=r"no user has the interactions|no test target"):
        nothing = {"rule": "global_time"} | {k: v for k, v in late.items() if k.endswith("from")}
        train(with_split(tmp_path / "q", nothing, lists), tmp_path / "none", config)


def test_prefixes_are_every_start_of_every_example() -> None:
    examples = Examples(torch.tensor([2, 5]), torch.tensor([10, 40]), torch.tensor([3, 1]))
    told = prefixes_of(examples)
    assert told.user.tolist() == [2, 2, 2, 5]
    assert told.start.tolist() == [10, 10, 10, 40]
    assert told.length.tolist() == [1, 2, 3, 1]
