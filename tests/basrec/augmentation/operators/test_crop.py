"""Crop keeps one run."""

from collections.abc import Callable

import torch
from scipy.stats import chisquare
from torch import Tensor

from basrec.augmentation.operators import Edited
from basrec.packed import Packed

Apply = Callable[..., Edited]


def test_a_run_of_the_asked_length_is_kept(apply: Apply, items: Tensor, layout: Packed) -> None:
    for rate in (0.0, 0.2, 0.5, 0.99, 1.0):
        edited = apply("crop", items, layout, rate, 3)
        assert edited.lengths.tolist() == [max(1, int(rate * n)) for n in (3, 10, 1, 20)]
        own = items.split(layout.lengths.tolist())
        for before, kept in zip(own, edited.items.split(edited.lengths.tolist()), strict=True):
            start = int(kept[0] - before[0])
            assert torch.equal(kept, before[start : start + len(kept)])


def test_the_run_starts_everywhere_alike(apply: Apply, many: tuple[Tensor, Packed]) -> None:
    items, layout = many
    for rate, length in ((0.0, 1), (0.34, 2), (0.84, 5)):
        kept = apply("crop", items, layout, rate, 1).items.view(-1, length)
        starts = torch.bincount(kept[:, 0] - 1)
        assert len(starts) == 6 - length + 1
        assert chisquare(starts).pvalue > 0.01
