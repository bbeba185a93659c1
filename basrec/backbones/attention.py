"""Causal self-attention over packed sequences, and over left-padded ones.

Shapes: T packed positions, B sequences, L slots, H heads, d = D / H.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from basrec.packed import Packed

Attend = Callable[[Tensor], Tensor]
"""Queries, keys and values side by side (rows, 3 D) in, contexts (rows, D) out."""

WIDTHS = (2, 4, 6, 9, 14, 24)
"""Sequences are attended in groups up to these lengths, then one group of all that are longer."""


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


def packed_attention(groups: Groups, heads: int, dropout: float) -> Attend:
    """Attend within each packed sequence, to the position itself and those before it."""

    def attend(qkv: Tensor) -> Tensor:
        grouped = qkv.index_select(0, groups.gather)  # (P, 3 D)
        contexts, begin = [], 0
        for rows, width in groups.shapes:
            part = grouped[begin : begin + rows * width]
            begin += rows * width
            query, key, value = part.view(rows, width, 3, heads, -1).permute(2, 0, 3, 1, 4)
            context = functional.scaled_dot_product_attention(
                query, key, value, dropout_p=dropout, is_causal=True
            )
            contexts.append(context.transpose(1, 2).reshape(rows * width, -1))
        return torch.cat(contexts).index_select(0, groups.scatter)  # (T, D)

    return attend


def padded_attention(lengths: Tensor, slots: int, heads: int, dropout: float) -> Attend:
    """Attend over left-padded sequences by an additive mask of -10,000.

    A padded slot has all its keys masked alike, so it attends to every slot, later ones too.
    Source: the reference; see shared row `partner_padding = encode` in docs/method.md.
    """
    place = torch.arange(slots, device=lengths.device)
    real = place >= slots - lengths.unsqueeze(1)  # (B, L)
    seen = real.unsqueeze(1) & (place.unsqueeze(0) <= place.unsqueeze(1))  # (B, L, L)
    mask = (1.0 - seen.float()).mul(-10_000.0).unsqueeze(1)  # (B, 1, L, L)

    def attend(qkv: Tensor) -> Tensor:
        query, key, value = qkv.view(len(lengths), slots, 3, heads, -1).permute(2, 0, 3, 1, 4)
        context = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask.to(qkv.dtype), dropout_p=dropout
        )
        return context.transpose(1, 2).reshape(len(lengths) * slots, -1)

    return attend
