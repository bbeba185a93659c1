"""Insert puts neighbours before items."""

from collections.abc import Callable

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from basrec.augmentation.operators import Edited
from basrec.packed import Packed

Apply = Callable[..., Edited]


@pytest.mark.parametrize("rate", [0.3, 0.5, 1.0])
def test_the_asked_number_is_put_before_their_items(
    apply: Apply, items: Tensor, layout: Packed, rate: float
) -> None:
    far = 2 * items  # so that a neighbour is none of the sequence's own items
    edited = apply("insert", far, layout, rate, 3)
    assert edited.lengths.tolist() == [n + int(rate * n) for n in (3, 10, 1, 20)]
    new = edited.items % 2 == 1
    assert torch.equal(edited.items[~new], far)
    assert torch.equal(edited.items[new], edited.items[new.roll(1)] + 1)
    assert not bool(new[-1])


def test_before_an_item_without_neighbour_nothing_or_a_random_item_is_put(apply: Apply) -> None:
    lonely, alone = torch.full((2000,), 99), Packed.of(torch.tensor([2000]))
    kept = apply("insert", lonely, alone, 1.0, 1)
    assert torch.equal(kept.items, lonely) and kept.lengths.tolist() == [2000]
    drawn = apply("insert", lonely, alone, 1.0, 1, random_without_neighbour=True)
    assert drawn.lengths.tolist() == [4000]
    assert bool((drawn.items[1::2] == 99).all())
    assert chisquare(torch.bincount(drawn.items[::2], minlength=101)[1:]).pvalue > 0.01


def test_every_pair_of_positions_is_taken_alike(apply: Apply, many: tuple[Tensor, Packed]) -> None:
    items, layout = many
    edited = apply("insert", 2 * items, layout, 0.34, 1).items.view(-1, 8)
    new = edited[edited % 2 == 1].view(-1, 2)  # two a sequence, neighbours 3, 5, .., 13
    pairs = (100 * new[:, 0] + new[:, 1]).unique(return_counts=True)[1]
    assert len(pairs) == 15  # 6 over 2
    assert chisquare(pairs).pvalue > 0.01
