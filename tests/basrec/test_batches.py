"""Batches: which positions aim at which items, against lists."""

import pytest
import torch

from basrec.batches import Aim, Batch, draw_batches
from basrec.negatives import build_sampler
from basrec.prepared import Prepared
from basrec.split import Examples, examples_of, prefixes_of
from tests.basrec.test_inputs import slow, with_lists

CPU = torch.device("cpu")


def batches(data: Prepared, examples: Examples, slots: int, aim: Aim) -> list[Batch]:
    sampler = build_sampler(data, "history", False, CPU)
    shuffle, draws = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    return list(draw_batches(data, examples, sampler, 7, 2, slots, shuffle, draws, aim))


def aims_of(generated: int, length: int, aim: Aim) -> list[int]:
    """Say which positions of one input aim at the next item."""
    first = {"every": 0, "own": generated, "last": length - 1}[aim]
    return list(range(first, length))


@pytest.mark.parametrize("aim", ["every", "own", "last"])
@pytest.mark.parametrize("slots", [3, 12])
@pytest.mark.parametrize("has_prior", [True, False])
def test_targets_equal_lists(aim: Aim, slots: int, has_prior: bool, prepared: Prepared) -> None:
    data, before = with_lists(prepared)
    if not has_prior:
        data, before = prepared, [list[int]()] * 60
    seen = 0
    for batch in batches(data, examples_of(data, "train"), slots, aim):
        read = slow(data, before, batch.whole, slots)
        seen += len(read)
        assert batch.items.tolist() == [item for items, _ in read for item in items]
        assert batch.layout.lengths.tolist() == [len(items) for items, _ in read]
        targets, places, counts, begin = list[int](), list[int](), list[int](), 0
        for (items, generated), end in zip(
            read, (batch.whole.start + batch.whole.length).tolist(), strict=True
        ):
            follow = [*items[1:], int(data.items[end])]
            aims = aims_of(generated, len(items), aim)
            targets += [follow[place] for place in aims]
            places += [begin + place for place in aims]
            counts.append(len(aims))
            begin += len(items)
        assert batch.targets.tolist() == targets
        assert batch.aimed.lengths.tolist() == counts
        outputs = torch.arange(begin).view(1, -1, 1).expand(2, -1, 3)
        assert batch.read(outputs)[1, :, 0].tolist() == places
        assert batch.negatives.shape == (2, len(targets))
    assert seen == len(examples_of(data, "train")) == 60


@pytest.mark.parametrize("aim", ["every", "own", "last"])
def test_negatives_are_not_of_the_user_that_aims(aim: Aim, prepared: Prepared) -> None:
    data, _ = with_lists(prepared)
    for batch in batches(data, examples_of(data, "train"), 12, aim):
        users = batch.whole.user[batch.aimed.sequence].tolist()
        for column, user in enumerate(users):
            whole = data.items[data.offsets[user] : data.offsets[user + 1]].tolist()
            assert not set(batch.negatives[:, column].tolist()) & set(whole)


def test_prefixes_aim_at_each_target_once(prepared: Prepared) -> None:
    data, _ = with_lists(prepared)
    whole = examples_of(data, "train")
    found = sorted(
        (user, target)
        for batch in batches(data, prefixes_of(whole), 12, "last")
        for user, target in zip(batch.whole.user.tolist(), batch.targets.tolist(), strict=True)
    )
    expected = sorted(
        (user, item)
        for user, start, length in zip(
            *(part.tolist() for part in vars(whole).values()), strict=True
        )
        for item in data.items[start + 1 : start + length + 1].tolist()
    )
    assert found == expected
