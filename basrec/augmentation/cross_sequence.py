"""The cross-sequence branch: nonlinear mixup with another user's sequence (paper Eq. 10-12).

Shapes: B sequences of T packed positions, M = 2 * mixes mixes (item-wise ones first), D embedding
size, L slots. Positions of two sequences meet in the same left-padded slot, so last meets last.
"""

import torch
from torch import Tensor

from basrec.augmentation.mixing import symmetric_beta
from basrec.config import AugmentationConfig
from basrec.packed import Packed
from basrec.partners import Padding, Partners


def draw_partners(
    layout: Packed,
    config: AugmentationConfig,
    size: int,
    stream: torch.Generator,
    dtype: torch.dtype,
) -> Partners:
    """Shuffle the batch once for each mix and draw its weights.

    Item-wise: one weight a position (Eq. 11). Feature-wise: one a sequence and dimension (Eq. 12).
    Linear mixup has one a sequence in both places.
    """
    batch, mixes = len(layout.lengths), config.mixes
    keys = torch.rand(2 * mixes, batch, generator=stream, device=stream.device)
    partner = keys.argsort(1)  # (M, B)
    ahead = (layout.lengths[partner] - layout.lengths)[:, layout.sequence]  # (M, T)
    place = ahead + layout.position
    index = (layout.offsets[partner][:, layout.sequence] + place).where(place >= 0, -1)
    if config.mixup == "linear":
        weight = symmetric_beta(config.alpha, (2 * mixes, batch, 1), stream, dtype)
        item_wise = weight[:mixes, layout.sequence, 0]
        feature_wise = weight[mixes:].expand(-1, -1, size).contiguous()
    else:
        item_wise = symmetric_beta(config.alpha, (mixes, len(layout)), stream, dtype)
        feature_wise = symmetric_beta(config.alpha, (mixes, batch, size), stream, dtype)
    return Partners(partner, index, layout.sequence, item_wise, feature_wise)


def mix_with_partners(vectors: Tensor, padding: Padding | None, partners: Partners) -> Tensor:
    """Mix vectors (T, D) with their partners' by each mix's weights, giving (M, T, D).

    Without `padding` zeros stand in where the partner has no item.
    """
    met = rows_of(vectors, partners.index.clamp(min=0))
    beside = rows_of(padding.rows, padding.index) if padding else vectors.new_zeros(1)
    met = torch.where((partners.index >= 0).unsqueeze(-1), met, beside)
    mixes = len(partners.item_wise)
    item_wise = torch.lerp(met[:mixes], vectors, partners.item_wise.unsqueeze(-1))
    feature_wise = torch.lerp(met[mixes:], vectors, partners.feature_wise[:, partners.own])
    return torch.cat([item_wise, feature_wise])


def rows_of(vectors: Tensor, index: Tensor) -> Tensor:
    """Look up rows (N, D) by an index of any shape.

    Not `vectors[index]`: on several threads the gradient of that depends on their timing.
    """
    return vectors.index_select(0, index.flatten()).view(*index.shape, -1)
