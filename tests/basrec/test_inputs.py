"""What an encoder reads, against lists; generated items before a user's own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from basrec.config import EvaluationConfig, ModelConfig
from basrec.inputs import read_inputs
from basrec.model import build_recommender
from basrec.prepared import Prepared
from basrec.prior import Prior
from basrec.ranking import rank_targets, top_items
from basrec.rng import generator
from basrec.split import Examples, examples_of, prefixes_of


def with_lists(
    prepared: Prepared, seed: int = 4, most: int = 6
) -> tuple[Prepared, list[list[int]]]:
    """Put 0 to `most` random items before each user's own; give them as lists too."""
    random = np.random.default_rng(seed)
    lists = [
        random.integers(1, 41, size=int(random.integers(0, most + 1))).tolist()
        for _ in range(prepared.num_users)
    ]
    counts = torch.tensor([len(own) for own in lists])
    items = torch.tensor([item for own in lists for item in own], dtype=torch.int64)
    return replace(prepared, prior=Prior.of(items, counts)), lists


def slow(
    prepared: Prepared, before: list[list[int]], examples: Examples, slots: int
) -> list[tuple[list[int], int]]:
    """Read each example by itself: its items, and how many of them were generated."""
    read = []
    for user, start, length in zip(
        examples.user.tolist(), examples.start.tolist(), examples.length.tolist(), strict=True
    ):
        own = prepared.items[start : start + length].tolist()[-slots:]
        is_first = start == int(prepared.offsets[user])
        room = slots - len(own) if length <= slots and is_first else 0
        kept = before[user][-room:] if room else []
        read.append((kept + own, len(kept)))
    return read


def fast(prepared: Prepared, examples: Examples, slots: int) -> list[tuple[list[int], int]]:
    inputs = read_inputs(prepared, examples, slots)
    parts = torch.split(inputs.items, inputs.layout.lengths.tolist())
    generated = inputs.generated.tolist()
    return [(part.tolist(), count) for part, count in zip(parts, generated, strict=True)]


@pytest.mark.parametrize("slots", [1, 4, 9, 12, 50])
def test_inputs_equal_lists(slots: int, prepared: Prepared) -> None:
    data, before = with_lists(prepared)
    for split in ("train", "validation", "test"):
        examples = examples_of(data, split)
        assert fast(data, examples, slots) == slow(data, before, examples, slots)
    whole = examples_of(data, "train")
    prefixes = prefixes_of(whole)
    assert fast(data, prefixes, slots) == slow(data, before, prefixes, slots)
    nothing = [list[int]()] * 60
    assert fast(prepared, whole, slots) == slow(prepared, nothing, whole, slots)


def test_windows_inside_a_sequence_get_nothing_before_them(prepared: Prepared) -> None:
    data, before = with_lists(prepared)
    whole = examples_of(data, "test")
    inside = Examples(whole.user, whole.start + 1, whole.length - 1)
    both = Examples(*(torch.cat(pair) for pair in zip(vars(inside).values(), vars(whole).values())))  # noqa: B905
    assert fast(data, both, 30) == slow(data, before, both, 30)
    assert not read_inputs(data, inside, 30).generated.any()


def test_a_prior_without_items_changes_nothing(prepared: Prepared) -> None:
    empty = Prior.of(torch.empty(0, dtype=torch.int64), torch.zeros(60, dtype=torch.int64))
    examples = examples_of(prepared, "test")
    assert fast(replace(prepared, prior=empty), examples, 9) == fast(prepared, examples, 9)


def test_by_hand() -> None:
    items, offsets = torch.tensor([1, 2, 3, 4, 5, 6]), torch.tensor([0, 4, 6])
    prior = Prior.of(torch.tensor([7, 8, 9]), torch.tensor([3, 0]))
    data = Prepared(items, offsets, torch.zeros(10).long(), 9, {}, prior=prior)
    examples = Examples(torch.tensor([0, 1, 0]), torch.tensor([0, 4, 0]), torch.tensor([3, 1, 1]))
    expected = [([8, 9, 1, 2, 3], 2), ([5], 0), ([7, 8, 9, 1], 3)]
    assert fast(data, examples, 5) == expected


@pytest.mark.parametrize("seen", ["mask", "keep"])
def test_generated_items_are_read_but_do_not_count_as_seen(seen: str, prepared: Prepared) -> None:
    model = build_recommender(
        40, ModelConfig(embedding_size=8, initializer_range=0.5), generator(2, "weights")
    ).eval()
    data, before = with_lists(prepared)
    config = EvaluationConfig.model_validate({"seen": seen})
    examples = examples_of(data, "test")
    ranks = rank_targets(model, data, examples, config).tolist()
    best = top_items(model, data, examples, 40, config)[0]
    changed = 0
    with torch.no_grad():
        for row, (user, length) in enumerate(
            zip(examples.user.tolist(), examples.length.tolist(), strict=True)
        ):
            start = int(examples.start[row])
            own = prepared.items[start : start + length].tolist()
            target = int(prepared.items[start + length])
            read = torch.tensor((before[user] + own)[-50:])
            scores = model.items.weight[:41] @ model(read, torch.tensor([len(read)]))[-1]
            hidden = set(own) - {target} if seen == "mask" else set()
            others = [i for i in range(1, 41) if i not in hidden and i != target]
            rank = 1 + sum(float(scores[item]) >= float(scores[target]) for item in others)
            assert ranks[row] == rank
            changed += bool(set(before[user]) - set(own))
            left_out = set(range(1, 41)) - set(best[row].tolist())
            assert left_out == (set(own) if seen == "mask" else set())
    assert changed > 30  # for so many users it would have made a difference
