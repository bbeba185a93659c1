"""The fused cross-sequence mix and its inner products.

Shapes: T packed positions, D embedding size, M mixes, R padding rows.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from basrec.kernels.calls import address, threads, whole
from basrec.partners import Padding, Partners

PARTS = 16
"""Slopes of padding rows that positions share are summed in so many parts, on any machine."""


class MixedScores(torch.autograd.Function):
    """Forward and backward pass in the library."""

    @staticmethod
    def forward(
        ctx: Any, library: ctypes.CDLL, padding: Padding, partners: Partners, *vectors: Tensor
    ) -> Any:
        """Give the scores (M, T) of targets and of negatives.

        `vectors` are outputs, positives, negatives (T, D) and padding rows (R, D).
        """
        parts = (
            *(part.contiguous() for part in vectors),
            *(partners.index.contiguous(), padding.index.contiguous(), partners.own.contiguous()),
            *(partners.item_wise.contiguous(), partners.feature_wise.contiguous()),
        )
        (mixes, rows), (feature_wise, batch, size) = partners.index.shape, parts[-1].shape
        up, down = parts[0].new_empty(mixes, rows), parts[0].new_empty(mixes, rows)
        ctx.call = (
            *map(address, parts),
            *whole(mixes, mixes - feature_wise, rows, size, batch),
        )
        library.mix_forward(*ctx.call, address(up), address(down), threads())
        ctx.save_for_backward(*parts)
        ctx.shared, ctx.library = padding.shared, library
        return up, down

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        """Give the slopes of the four kinds of vectors."""
        outputs, _, _, rows = ctx.saved_tensors[:4]
        result = outputs.new_zeros(3, 2, *outputs.shape)  # of a position, and of partners
        pads = rows.new_zeros(PARTS if ctx.shared else 1, *rows.shape)
        given = [slope.contiguous() for slope in slopes]
        ctx.library.mix_backward(
            *ctx.call,
            *map(address, (*given, *result, pads)),
            *whole(PARTS, len(rows), ctx.shared),
            threads(),
        )
        return None, None, None, *result.sum(1), pads.sum(0)
