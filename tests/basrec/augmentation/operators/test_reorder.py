"""M-Reorder shuffles one run."""

from collections.abc import Callable

import torch
from scipy.stats import chisquare
from torch import Tensor

from basrec.augmentation.operators import Edited
from basrec.packed import Packed

Apply = Callable[..., Edited]
Many = tuple[Tensor, Packed]


def test_a_run_is_shuffled_and_each_sequence_keeps_its_items(
    apply: Apply, items: Tensor, layout: Packed
) -> None:
    for seed in range(100):
        edited = apply("reorder", items, layout, 0.5, seed).items
        for begin, length in zip(layout.offsets, layout.lengths, strict=True):
            own, new = items[begin : begin + length], edited[begin : begin + length]
            assert torch.equal(new.sort().values, own)
            moved = torch.nonzero(own != new)
            if len(moved):  # floor(0.5 * n) neighbouring places at most
                assert int(moved.max() - moved.min()) < int(length) // 2


def test_the_run_starts_everywhere_alike(apply: Apply, many: Many) -> None:
    items, layout = many
    # c = floor(0.34 * 6) = 2: one swap in half the draws, at 5 places alike
    edited = apply("reorder", items, layout, 0.34, 1).items.view(-1, 6)
    swapped = edited[(edited != items.view(-1, 6)).any(1)]
    places = torch.bincount((swapped != torch.arange(1, 7)).int().argmax(1), minlength=6)
    unmoved = len(edited) - len(swapped)
    assert places[5] == 0
    assert chisquare([unmoved, len(swapped)]).pvalue > 0.01
    assert chisquare(places[:5]).pvalue > 0.01


def test_every_order_of_the_run_comes_up_alike(apply: Apply, many: Many) -> None:
    items, layout = many
    edited = apply("reorder", items, layout, 1.0, 2).items.view(-1, 6)
    number = edited[:, :6] @ 6 ** torch.arange(6)
    orders = number.unique(return_counts=True)[1]
    assert len(orders) == 720  # 6!
    assert chisquare(orders).pvalue > 0.01
