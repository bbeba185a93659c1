"""Mask hides items."""

from collections.abc import Callable

import torch
from scipy.stats import chisquare
from torch import Tensor

from basrec.augmentation.operators import Edited
from basrec.packed import Packed

Apply = Callable[..., Edited]


def test_the_asked_number_is_masked_and_the_rest_kept(
    apply: Apply, items: Tensor, layout: Packed
) -> None:
    for rate in (0.3, 0.5, 1.0):
        edited = apply("mask", items, layout, rate, 3).items
        masked = edited == 101
        counts = torch.zeros(4).index_add_(0, layout.sequence, masked.float())
        assert counts.tolist() == [int(rate * n) for n in (3, 10, 1, 20)]
        assert torch.equal(edited[~masked], items[~masked])


def test_every_pair_of_positions_is_masked_alike(apply: Apply, many: tuple[Tensor, Packed]) -> None:
    items, layout = many
    masked = (apply("mask", items, layout, 0.34, 1).items == 101).view(-1, 6)
    assert chisquare(masked.sum(0)).pvalue > 0.01
    pairs = (masked.long() @ 2 ** torch.arange(6)).unique(return_counts=True)[1]
    assert len(pairs) == 15  # 6 over 2
    assert chisquare(pairs).pvalue > 0.01
