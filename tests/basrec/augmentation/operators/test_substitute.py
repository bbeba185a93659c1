"""M-Substitute puts neighbours in place of items."""

from collections.abc import Callable

import torch
from scipy.stats import chisquare
from torch import Tensor

from basrec.augmentation.operators import Edited
from basrec.packed import Packed

Apply = Callable[..., Edited]


def test_the_asked_number_is_replaced_by_neighbours(
    apply: Apply, items: Tensor, layout: Packed
) -> None:
    edited = apply("substitute", items, layout, 0.5, 3).items
    for begin, length in zip(layout.offsets.tolist(), layout.lengths.tolist(), strict=True):
        own, new = items[begin : begin + length], edited[begin : begin + length]
        assert int((own != new).sum()) == length // 2
        assert torch.equal(new[own != new], own[own != new] + 1)


def test_at_least_as_many_as_told_are_edited(apply: Apply, items: Tensor, layout: Packed) -> None:
    edited = apply("substitute", items, layout, 0.01, 3, at_least=1).items
    changed = torch.zeros(4).index_add_(0, layout.sequence, (edited != items).float())
    assert changed.tolist() == [1, 1, 1, 1]


def test_an_item_without_neighbour_is_kept_or_replaced_at_random(apply: Apply) -> None:
    lonely, alone = torch.full((2000,), 99), Packed.of(torch.tensor([2000]))
    kept = apply("substitute", lonely, alone, 1.0, 1)
    assert torch.equal(kept.items, lonely)
    drawn = apply("substitute", lonely, alone, 1.0, 1, random_without_neighbour=True)
    counts = torch.bincount(drawn.items, minlength=101)
    assert counts[0] == 0 and len(counts) == 101
    assert chisquare(counts[1:]).pvalue > 0.01


def test_every_pair_of_positions_is_replaced_alike(
    apply: Apply, many: tuple[Tensor, Packed]
) -> None:
    items, layout = many
    changed = (apply("substitute", items, layout, 0.34, 1).items != items).view(-1, 6)
    pairs = (changed.long() @ 2 ** torch.arange(6)).unique(return_counts=True)[1]
    assert len(pairs) == 15  # 6 over 2
    assert chisquare(pairs).pvalue > 0.01
