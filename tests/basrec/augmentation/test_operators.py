"""Contracts that every operator keeps, and what each one does."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from basrec.augmentation.operators import OPERATORS, Catalogue
from basrec.packed import Packed
from basrec.rng import generator

NEIGHBOUR = torch.tensor(
    [0, *range(2, 100), 0, 0]
)  # item i has neighbour i + 1, items 99, 100 none


def edit(name: str, *given: Any) -> Tensor:
    return OPERATORS[name].edit(*given).items


reorder, substitute = partial(edit, "reorder"), partial(edit, "substitute")
PLAIN = Catalogue(NEIGHBOUR, 100, at_least=0, random_without_neighbour=False)
LAYOUT = Packed.of(torch.tensor([3, 10, 1, 20]))
ITEMS = torch.arange(1, 35)


def rates(value: float, count: int = 4) -> Tensor:
    return torch.full((count,), value, dtype=torch.float64)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_an_operator_keeps_length_known_items_and_its_input(name: str) -> None:
    before = ITEMS.clone()
    for seed in range(50):
        edited = edit(name, ITEMS, LAYOUT, rates(0.7), PLAIN, generator(seed, "draws"))
        assert edited.shape == ITEMS.shape
        assert int(edited.min()) >= 1 and int(edited.max()) <= 100
    assert torch.equal(ITEMS, before)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_rate_zero_changes_nothing(name: str) -> None:
    edited = edit(name, ITEMS, LAYOUT, rates(0.0), PLAIN, generator(1, "draws"))
    assert torch.equal(edited, ITEMS)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_the_same_stream_gives_the_same_edit(name: str) -> None:
    first, second = (
        edit(name, ITEMS, LAYOUT, rates(0.5), PLAIN, generator(4, "draws")) for _ in range(2)
    )
    assert torch.equal(first, second)


def test_reorder_shuffles_a_run_and_keeps_each_sequence_s_items() -> None:
    for seed in range(100):
        edited = reorder(ITEMS, LAYOUT, rates(0.5), PLAIN, generator(seed, "draws"))
        for begin, length in zip(LAYOUT.offsets, LAYOUT.lengths, strict=True):
            own, new = ITEMS[begin : begin + length], edited[begin : begin + length]
            assert torch.equal(new.sort().values, own)
            moved = torch.nonzero(own != new)
            if len(moved):  # floor(0.5 * n) neighbouring places at most
                assert int(moved.max() - moved.min()) < int(length) // 2


def test_reorder_starts_everywhere_alike() -> None:
    layout = Packed.of(torch.full((6000,), 6))
    items = torch.arange(6).repeat(6000)
    edited = reorder(items, layout, rates(0.34, 6000), PLAIN, generator(1, "draws")).view(-1, 6)
    # c = floor(0.34 * 6) = 2: one swap in half the draws, at 5 places alike
    swapped = edited[(edited != items.view(-1, 6)).any(1)]
    assert len(swapped) == pytest.approx(3000, abs=200)
    places = torch.bincount((swapped != torch.arange(6)).int().argmax(1), minlength=6)
    assert places[5] == 0
    assert all(count == pytest.approx(600, abs=110) for count in places[:5].tolist())


def test_substitute_replaces_the_asked_number_by_neighbours() -> None:
    edited = substitute(ITEMS, LAYOUT, rates(0.5), PLAIN, generator(3, "draws"))
    for begin, length in zip(LAYOUT.offsets.tolist(), LAYOUT.lengths.tolist(), strict=True):
        own, new = ITEMS[begin : begin + length], edited[begin : begin + length]
        assert int((own != new).sum()) == length // 2
        assert torch.equal(new[own != new], own[own != new] + 1)


def test_substitute_edits_at_least_as_many_as_told() -> None:
    one = Catalogue(NEIGHBOUR, 100, at_least=1, random_without_neighbour=False)
    edited = substitute(ITEMS, LAYOUT, rates(0.01), one, generator(3, "draws"))
    changed = torch.zeros(4).index_add_(0, LAYOUT.sequence, (edited != ITEMS).float())
    assert changed.tolist() == [1, 1, 1, 1]


def test_an_item_without_neighbour_is_kept_or_replaced_at_random() -> None:
    lonely, layout = torch.full((500,), 99), Packed.of(torch.tensor([500]))
    kept = substitute(lonely, layout, rates(0.999, 1), PLAIN, generator(1, "draws"))
    assert torch.equal(kept, lonely)
    wild = Catalogue(NEIGHBOUR, 100, at_least=0, random_without_neighbour=True)
    drawn = substitute(lonely, layout, rates(0.999, 1), wild, generator(1, "draws"))
    assert len(drawn.unique()) > 50 and int(drawn.min()) >= 1 and int(drawn.max()) <= 100
