"""The fused mix against PyTorch's own operations."""

import pytest
import torch

from basrec.augmentation.cross_sequence import draw_partners, mix_with_partners
from basrec.config import AugmentationConfig
from basrec.kernels import Kernels
from basrec.packed import Packed
from basrec.partners import Padding
from basrec.rng import generator


@pytest.mark.parametrize("shared", [False, True])
def test_mixed_scores_equal_the_plain_ones(kernels: Kernels, shared: bool) -> None:
    layout = Packed.of(torch.tensor([1, 5, 2, 9, 3]))
    config = AugmentationConfig(mixes=3)
    partners = draw_partners(layout, config, 24, generator(1, "draws"), torch.float32)
    stream = torch.Generator().manual_seed(6)
    rows = 12 if shared else len(layout.lengths) * 9
    index = layout.slot(12).expand_as(partners.index)
    if not shared:  # a row of its own for each partner and slot, as in the reference
        index = partners.partner[:, partners.own] * 9 + layout.slot(9)
    parts = [torch.randn(len(layout), 24, generator=stream) for _ in range(3)]
    parts.append(torch.randn(rows, 24, generator=stream))
    told = []
    for dtype in (torch.float32, torch.float64):
        outputs, positives, negatives, pads = (
            part.to(dtype).clone().requires_grad_() for part in parts
        )
        padding = Padding(pads, index, shared)
        if dtype == torch.float32:
            up, down = kernels.mixed_scores(outputs, positives, negatives, padding, partners)
        else:
            exact = draw_partners(layout, config, 24, generator(1, "draws"), torch.float32)
            exact = type(exact)(
                exact.partner,
                exact.index,
                exact.own,
                exact.item_wise.double(),
                exact.feature_wise.double(),
            )
            mixed = mix_with_partners(outputs, padding, exact)
            up = (mixed * mix_with_partners(positives, None, exact)).sum(-1)
            down = (mixed * mix_with_partners(negatives, None, exact)).sum(-1)
        value = (up * up).sum() + (2 * down).sum()
        slopes = torch.autograd.grad(value, [outputs, positives, negatives, pads])
        told.append([up.detach(), down.detach(), *slopes])
    for found, exact_value in zip(*told, strict=True):
        torch.testing.assert_close(found.double(), exact_value, rtol=1e-4, atol=1e-3)
