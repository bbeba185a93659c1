"""Causal self-attention over packed sequences, and over left-padded ones.

Shapes: T packed positions, B sequences, L slots, H heads, d = D / H.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from basrec.backbones.groups import Groups
from basrec.backbones.lengths import real_slots

Attend = Callable[[Tensor], Tensor]
"""Queries, keys and values side by side (rows, 3 D) in, contexts (rows, D) out."""


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
    Source: the reference; `augmentation.partner_padding` in docs/method.md.
    """
    batch = lengths.shape[0]  # not len(), which would fix the batch size of an export
    place = torch.arange(slots, device=lengths.device)
    real = real_slots(lengths, slots)
    seen = real.unsqueeze(1) & (place.unsqueeze(0) <= place.unsqueeze(1))  # (B, L, L)
    mask = (1.0 - seen.float()).mul(-10_000.0).unsqueeze(1)  # (B, 1, L, L)

    def attend(qkv: Tensor) -> Tensor:
        query, key, value = qkv.view(batch, slots, 3, heads, -1).permute(2, 0, 3, 1, 4)
        context = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask.to(qkv.dtype), dropout_p=dropout
        )
        return context.transpose(1, 2).reshape(batch * slots, -1)

    return attend
