"""DuckDB's answer against plain Python's, over random dumps and every combination of policies."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import DataConfig, unix_seconds
from pipeline.engine import Engine, open_engine
from pipeline.errors import InputError
from pipeline.keeping import keep, set_policy
from pipeline.passport import digest_lines
from pipeline.preparation import _number
from pipeline.schemas import INTERACTIONS
from tests.pipeline.plain_engine import Plain, Row, prepare_plainly

Workshop = tuple[Engine, Path]
START = 1_546_300_800  # 2019-01-01
CHOICES: dict[str, tuple[Any, ...]] = {
    "counting": ("interactions", "pairs"),
    "duplicates": ("keep", "drop"),
    "repeats": ("keep", "first", "last"),
    "sample_users": (None, 0.6),
    "min_rating": (None, 4.1),  # no number of 32 bits
    "window": ((None, None), ("2019-01-02", "2019-01-05")),
    "minimums": ((2, 2), (3, 1), (1, 3)),
    # These two, last, decide how that which is kept is numbered, and not what is kept.
    "ties": ("file", "item"),
    "id_order": ("reference", "sorted", "random"),
}
COMBINATIONS = list(itertools.product(*CHOICES.values()))
ORDERS = len(CHOICES["ties"]) * len(CHOICES["id_order"])
GROUPS = [COMBINATIONS[first : first + ORDERS] for first in range(0, len(COMBINATIONS), ORDERS)]
"""The combinations that keep the same rows of a dump."""
NAMES = ("a", "b", "C", "é", "d e", 'q"', "'", "好", "10", "9")

MANY = (*NAMES, "eleven", "twelve")
SKEWED = [1 / place for place in range(1, len(MANY) + 1)]  # so that the k-core takes rounds

rows = st.lists(
    st.tuples(
        st.sampled_from(NAMES[:8]),
        st.sampled_from(NAMES[2:]),
        st.sampled_from((None, 1.0, 4.1, 5.0)),
        st.integers(0, 6).map(lambda day: START + 86_400 * day),
    ),
    min_size=1,
    max_size=60,
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    folder = tmp_path_factory.mktemp("engines")
    with open_engine(folder, "512MB", 1) as engine:
        yield engine, folder


def both(workshop: Workshop, dump: list[Row], combination: tuple[Any, ...], seed: int) -> None:
    """Compare the engines on one dump and one combination of policies."""
    among_orders(workshop, dump, [combination], seed)


def among_orders(
    workshop: Workshop, dump: list[Row], combinations: list[tuple[Any, ...]], seed: int
) -> None:
    """Compare the engines on one dump and combinations that keep the same rows of it.

    What the first one keeps is numbered by the rule of each.
    """
    engine, folder = workshop
    configs, policies = zip(*(told(combination, seed) for combination in combinations), strict=True)
    expected = [prepare_plainly(dump, policy) for policy in policies]
    columns = list(zip(*dump, strict=True))
    table = pa.Table.from_arrays([pa.array(column) for column in columns], INTERACTIONS.names)
    engine.register("interactions", table.cast(INTERACTIONS))
    if expected[0] is None:
        with pytest.raises(InputError, match="nothing is left"):
            keep(engine, configs[0])
        return
    _, rounds = keep(engine, configs[0])
    sizes = [(entry["users"], entry["items"], entry["interactions"]) for entry in rounds]
    assert sizes == expected[0].rounds
    for config, plain in zip(configs, expected, strict=True):
        if config is not configs[0]:
            set_policy(engine, config)
        assert plain
        _number(engine, folder)
        compare(folder, plain, digest_lines(engine.batches("45_original_lines")))


def told(combination: tuple[Any, ...], seed: int) -> tuple[DataConfig, dict[str, Any]]:
    """Give a combination of policies as DuckDB's side and as plain Python's take it."""
    values = dict(zip(CHOICES, combination, strict=True))
    since, until = values.pop("window")
    least_user, least_item = values.pop("minimums")
    own = values | {"min_user_count": least_user, "min_item_count": least_item, "seed": seed}
    config = DataConfig.model_validate(own | {"since": since, "until": until})
    return config, own | {"since": unix_seconds(since), "until": unix_seconds(until)}


def compare(folder: Path, expected: Plain, digest: str) -> None:
    assert digest == expected.digest
    users = pl.read_parquet(folder / "users.parquet")["user"].to_list()
    assert users == [user for user, _, _ in expected.sequences]
    items = pl.read_parquet(folder / "items.parquet")
    assert dict(zip(items["item"], items["item_id"], strict=True)) == expected.item_ids
    sequences = pl.read_parquet(folder / "sequences.parquet")
    assert sequences["timestamps"].to_list() == [times for _, _, times in expected.sequences]
    assert sequences["items"].to_list() == [
        [expected.item_ids[item] for item in own] for _, own, _ in expected.sequences
    ]


@pytest.mark.parametrize("part", range(8))
def test_every_combination_of_policies(workshop: Workshop, part: int) -> None:
    """Each combination, those that keep the same rows on one dump of 70 rows drawn by its place.

    Under which order the rows are kept is drawn as well.
    """
    import random

    for place, group in list(enumerate(GROUPS))[part::8]:
        draw = random.Random(place)
        dump = [
            (
                draw.choices(MANY, weights=SKEWED)[0],
                draw.choices(MANY[::-1], weights=SKEWED)[0],
                draw.choice((None, 1.0, 4.1, 5.0)),
                START + 86_400 * draw.randrange(6),
                number,
            )
            for number in range(1, 71)
        ]
        first = draw.randrange(len(group))
        try:
            among_orders(workshop, dump, group[first:] + group[:first], seed=place)
        except AssertionError as exc:
            raise AssertionError(f"{group[first]} on the dump of seed {place}") from exc


@given(
    drawn=rows,
    combination=st.sampled_from(COMBINATIONS),
    seed=st.integers(0, 3),
)
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_random_dumps(
    workshop: Workshop,
    drawn: list[tuple[str, str, float | None, int]],
    combination: tuple[Any, ...],
    seed: int,
) -> None:
    dump = [(*row, number) for number, row in enumerate(drawn, start=1)]
    both(workshop, dump, combination, seed)


def test_ids_that_share_a_number_are_told_apart(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With four bits of the hash ids collide; the next numbering must give the right answer."""
    dump = [(f"u{n % 9}", f"i{n % 7}", 5.0, START + 86_400 * n, n) for n in range(1, 200)]
    combination = tuple(choices[0] for choices in CHOICES.values())
    monkeypatch.setattr("pipeline.keeping.SALTS", (("", 2), ("a", 64)))
    both(workshop, dump, combination, seed=0)
    monkeypatch.setattr("pipeline.keeping.SALTS", (("", 2),))
    with pytest.raises(Exception, match="share their numbers"):
        both(workshop, dump, combination, seed=0)


def test_a_policy_that_is_not_combined_here_would_be_noticed() -> None:
    fixed = {"policy", "format", "table", "member", "allow_truncated", "max_rejects", "memory"}
    fixed |= {"threads", "split", "held_out", "validation_from", "test_from", "seed", "min_count"}
    combined = {*CHOICES, "since", "until", "min_user_count", "min_item_count"}
    assert set(DataConfig.model_fields) - fixed == combined - {"window", "minimums"}
    assert len(COMBINATIONS) == 1728 and len(GROUPS) == 288
