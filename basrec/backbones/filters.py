"""FMLP-Rec's filter, as the convolution over the slots that it is.

Multiplying the transform of L slots by weights W is a circular convolution with h = irfft(W). It
is taken as such, by products of matrices: then a sequence of n items needs its own n slots only,
and an export needs no complex numbers.
Shapes: B sequences, T packed positions, L slots, F = L // 2 + 1 frequencies, D embedding size.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from basrec.backbones.groups import Groups


class Filter(nn.Module):
    """Learnable complex weights, one for each frequency and dimension.

    Weights (F, D, 2) hold real and imaginary parts. With `causal` the convolution leaves out what
    is ahead: it is no longer circular, and h is all that is left of the frequencies.
    """

    waves: Tensor

    def __init__(self, slots: int, size: int, causal: bool) -> None:
        super().__init__()
        self.slots, self.causal = slots, causal
        self.weight = nn.Parameter(torch.zeros(slots // 2 + 1, size, 2))
        self.register_buffer("waves", inverse_transform(slots), persistent=False)

    def matrix(self, width: int) -> Tensor:
        """Give the convolution within `width` slots, (D, width, width): output by input slot."""
        waves = self.waves.to(self.weight.dtype)
        kernel = waves @ self.weight.transpose(1, 2).flatten(0, 1)  # (L, D)
        place = torch.arange(width, device=kernel.device)
        back = place.unsqueeze(1) - place  # (width, width)
        if self.causal:
            kernel = torch.cat([kernel, torch.zeros_like(kernel[:1])])
            index = back.where(back >= 0, self.slots)
        else:
            index = back % self.slots
        rows = kernel.index_select(0, index.flatten())
        return rows.view(width, width, -1).permute(2, 0, 1)


Convolve = Callable[[Tensor, Filter], Tensor]
"""Vectors (..., D) in, filtered ones out; it knows which rows belong to one sequence."""


def inverse_transform(slots: int) -> Tensor:
    """Give the matrix (L, 2 F) of irfft; its columns are those of real and imaginary parts in turn.

    In float64, so that a model in double precision has it exact.
    """
    frequency = torch.arange(slots // 2 + 1)
    turns = (torch.arange(slots).unsqueeze(1) * frequency) % slots  # (L, F)
    angle = turns.double() * (2.0 * math.pi / slots)
    alone = (frequency == 0) | (2 * frequency == slots)  # no twin among negative frequencies
    share = torch.where(alone, 1.0, 2.0).double() / slots
    imaginary = torch.where(alone, 0.0, -angle.sin())
    return torch.stack([angle.cos() * share, imaginary * share], dim=2).flatten(1)


def convolve_rows(vectors: Tensor, matrix: Tensor) -> Tensor:
    """Convolve over the slots of vectors (B, width, D) by a matrix (D, width, width)."""
    columns = torch.bmm(vectors.permute(2, 0, 1), matrix.transpose(1, 2))  # (D, B, width)
    return columns.permute(1, 2, 0)


def packed_convolution(groups: Groups) -> Convolve:
    """Convolve within each packed sequence, as if zeros stood in the slots before it."""
    slots = sum(rows * width for rows, width in groups.shapes)

    def convolve(vectors: Tensor, over: Filter) -> Tensor:
        # Not `groups.gather`, which repeats the last item at the padding: a filter would see it.
        grouped = vectors.new_zeros(slots, vectors.shape[1])
        grouped = grouped.index_copy(0, groups.scatter, vectors)
        filtered, begin = [], 0
        for rows, width in groups.shapes:
            part = grouped[begin : begin + rows * width].view(rows, width, -1)
            begin += rows * width
            filtered.append(convolve_rows(part, over.matrix(width)).flatten(0, 1))
        return torch.cat(filtered).index_select(0, groups.scatter)

    return convolve


def padded_convolution(real: Tensor | None) -> Convolve:
    """Convolve over all slots of vectors (B, L, D), with zeros where none is `real` (B, L)."""

    def convolve(vectors: Tensor, over: Filter) -> Tensor:
        if real is not None:
            vectors = vectors.masked_fill(~real.unsqueeze(-1), 0.0)
        return convolve_rows(vectors, over.matrix(over.slots))

    return convolve
