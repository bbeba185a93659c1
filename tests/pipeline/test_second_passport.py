"""The passport's facts and the neighbours against plain Python, over random dumps and splits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import DataConfig, NeighbourConfig
from pipeline.engine import Engine, open_engine
from pipeline.errors import InputError
from pipeline.keeping import keep
from pipeline.neighbours import find_neighbours
from pipeline.passport import describe
from pipeline.preparation import _number
from pipeline.schemas import INTERACTIONS
from pipeline.splits import register_split, resolve_split
from tests.pipeline import plain_passport as plain

START = 1_546_300_800
DAY = 86_400
SPLITS: list[dict[str, Any]] = [
    {"split": "leave_one_out"},
    {"split": "last_n", "held_out": 1},
    {"split": "last_n", "held_out": 2},
    {"split": "global_time"},
    {"split": "global_time", "validation_from": "2019-01-03", "test_from": "2019-01-05"},
]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path]]:
    folder = tmp_path_factory.mktemp("engines")
    with open_engine(folder, "512MB", 1) as engine:
        yield engine, folder


@given(
    dump=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(0, 6)), min_size=8, max_size=60
    ),
    split=st.sampled_from(SPLITS),
    similarity=st.sampled_from(["iuf", "cosine"]),
    top=st.sampled_from([1, 3, 20]),
)
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_facts_and_neighbours(
    workshop: tuple[Engine, Path],
    dump: list[tuple[int, int, int]],
    split: dict[str, Any],
    similarity: str,
    top: int,
) -> None:
    engine, folder = workshop
    columns = list(zip(*dump, strict=True))
    table = pa.table(
        {
            "user": [f"u{user}" for user in columns[0]],
            "item": [f"i{item}" for item in columns[1]],
            "rating": [5.0] * len(dump),
            "timestamp": [START + DAY * day for day in columns[2]],
            "row": range(1, len(dump) + 1),
        }
    )
    engine.register("interactions", table.cast(INTERACTIONS))
    config = DataConfig.model_validate({"min_count": 1, **split})
    steps, rounds = keep(engine, config)
    _number(engine, folder)
    rule = resolve_split(engine, config)
    register_split(engine, rule)
    rows = engine.rows("48_sequences_out")
    sequences = [list(zip(row["items"], row["timestamps"], strict=True)) for row in rows]
    parts = [plain.parts_of(sequence, rule) for sequence in sequences]
    near = NeighbourConfig.model_validate({"similarity": similarity, "top": top})
    found = [
        tuple(row.values()) for batch in find_neighbours(engine, near) for row in batch.to_pylist()
    ]
    assert [row[:3] for row in found] == [
        row[:3] for row in plain.neighbours(sequences, rule, similarity, top)
    ]
    empty = any(not any(part[n] for part in parts) for n in range(3))
    if empty and rule["rule"] != "leave_one_out":
        with pytest.raises(InputError, match="leaves nothing for"):
            describe(engine, config, rule, steps, rounds)
        return
    told = describe(engine, config, rule, steps, rounds)
    any_tie, last = plain.ties(sequences)
    assert (told["ties"]["users_with_ties"], told["ties"]["users_with_last_two_tied"]) == (
        any_tie,
        last,
    )
    assert {name: told["repeats"][name] for name in plain.repeats(sequences)} == plain.repeats(
        sequences
    )
    for place, name in enumerate(("train", "validation", "test")):
        own = [part[place] for part in parts]
        size = told["split"]["parts"].get(name, {"interactions": 0, "users": 0, "without_input": 0})
        assert size["interactions"] == sum(map(len, own))
        assert size["users"] == sum(map(bool, own))
        starts = [bool(p[place]) and not any(p[:place]) for p in parts]
        assert size["without_input"] == sum(starts)
    targets, older, share = plain.leakage(sequences, rule)
    leak = told["split"]["leakage"]
    assert (leak["test_targets"], leak["targets_older_than_training"]) == (targets, older)
    if share is not None:
        assert leak["mean_share_of_training_newer"] == pytest.approx(share, abs=1e-9)
    lengths = sorted(map(len, sequences))
    assert (told["length"]["min"], told["length"]["max"]) == (lengths[0], lengths[-1])
