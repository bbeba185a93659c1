"""Packed sequences laid out in groups of similar length, for work on whole rectangles.

Shapes: B sequences, T packed positions, P grouped slots.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from basrec.packed import Packed

WIDTHS = (2, 4, 6, 9, 14, 24)
"""Sequences are grouped up to these lengths, then one group of all that are longer."""


@dataclass(frozen=True)
class Groups:
    """How packed sequences are laid out in groups of similar length.

    Shapes: gather (P,) takes packed positions to grouped slots, padded on the right within each
    group of `shapes` (sequences, slots); scatter (T,) finds each packed position among the P.
    """

    shapes: tuple[tuple[int, int], ...]
    gather: Tensor
    scatter: Tensor


def group_by_length(lengths: Tensor, device: torch.device) -> Groups:
    """Plan the groups for sequences of these lengths (B,), on the host."""
    layout = Packed.of(lengths)
    scatter = torch.empty(len(layout), dtype=torch.int64)
    gathers, shapes, begin = [], [], 0
    bounds = [0, *WIDTHS, int(lengths.max())]
    for low, high in pairwise(bounds):
        rows = torch.nonzero((lengths > low) & (lengths <= high)).squeeze(1)
        if len(rows) == 0:
            continue
        size = lengths[rows].unsqueeze(1)
        width = int(size.max())
        slots = torch.arange(width)
        # A padded slot repeats the last item: no real position comes after it to look at it.
        index = layout.offsets[rows].unsqueeze(1) + torch.minimum(slots, size - 1)
        real = slots < size
        grouped = begin + torch.arange(index.numel()).view_as(index)
        scatter[index[real]] = grouped[real]
        gathers.append(index.flatten())
        shapes.append((len(rows), width))
        begin += index.numel()
    return Groups(tuple(shapes), torch.cat(gathers).to(device), scatter.to(device))
