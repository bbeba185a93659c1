"""Contracts that every operator keeps."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from basrec.augmentation.operators import OPERATORS, Edited
from basrec.packed import Packed

NAMES = sorted(OPERATORS)
MASK = 101
Apply = Callable[..., Edited]


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_items_are_known_or_the_mask_and_the_input_is_left(
    name: str, rate: float, apply: Apply, items: Tensor, layout: Packed
) -> None:
    before = items.clone()
    for seed in range(20):
        edited = apply(name, items, layout, rate, seed)
        assert int(edited.items.min()) >= 1
        assert int(edited.items.max()) <= (MASK if name == "mask" else MASK - 1)
        assert edited.items.dtype == items.dtype
    assert torch.equal(items, before)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_lengths_are_those_of_the_items_and_kept_where_the_operator_says_so(
    name: str, rate: float, apply: Apply, items: Tensor, layout: Packed
) -> None:
    edited = apply(name, items, layout, rate, 1)
    assert edited.lengths.dtype == torch.int64 and edited.lengths.device.type == "cpu"
    assert int(edited.lengths.sum()) == len(edited.items)
    assert int(edited.lengths.min()) >= 1
    if OPERATORS[name].keeps_length:
        assert torch.equal(edited.lengths, layout.lengths)
    elif rate == 0.3:
        assert not torch.equal(edited.lengths, layout.lengths)


@pytest.mark.parametrize("name", NAMES)
def test_each_sequence_keeps_to_its_own_items(
    name: str, apply: Apply, items: Tensor, layout: Packed
) -> None:
    edited = apply(name, items, layout, 0.6, 3)
    own = items.split(layout.lengths.tolist())
    for before, after in zip(own, edited.items.split(edited.lengths.tolist()), strict=True):
        allowed = {*before.tolist(), *(before + 1).tolist(), MASK}
        assert set(after.tolist()) <= allowed


@pytest.mark.parametrize("name", NAMES)
def test_the_identity_rate_changes_nothing(
    name: str, apply: Apply, items: Tensor, layout: Packed
) -> None:
    edited = apply(name, items, layout, OPERATORS[name].identity, 1)
    assert torch.equal(edited.items, items)
    assert torch.equal(edited.lengths, layout.lengths)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_stream_gives_the_same_edit_and_another_does_not(
    name: str, apply: Apply, items: Tensor, layout: Packed
) -> None:
    first, second, other = (apply(name, items, layout, 0.5, seed).items for seed in (4, 4, 5))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_below_one_leaves_a_single_item_as_it_is(name: str, apply: Apply) -> None:
    items = torch.arange(1, 51)
    alone = Packed.of(torch.ones(50, dtype=torch.int64))
    for rate in (0.0, 0.5, 0.99):
        edited = apply(name, items, alone, rate, 1)
        assert torch.equal(edited.items, items)
        assert edited.lengths.tolist() == [1] * 50
