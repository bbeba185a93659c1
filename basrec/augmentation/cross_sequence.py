"""The cross-sequence branch: nonlinear mixup with another user's sequence (paper Eq. 10-12).

Shapes: B sequences of T packed positions, M = 2 * mixes mixes (item-wise ones first), D embedding
size, L slots. Positions of two sequences meet in the same left-padded slot, so last meets last.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from basrec.augmentation.mixing import symmetric_beta
from basrec.config import AugmentationConfig
from basrec.packed import Packed


@dataclass(frozen=True)
class Partners:
    """Who meets whom in each mix.

    Shapes: sequence, index (M, T): the partner's number and its packed position, 0 where its slot
    is padding; real (M, T, 1): whether it has an item there; mix (M, T, D) or (M, T, 1) parts.
    """

    sequence: Tensor
    index: Tensor
    real: Tensor
    item_wise: Tensor
    feature_wise: Tensor


def draw_partners(
    layout: Packed,
    config: AugmentationConfig,
    size: int,
    stream: torch.Generator,
    dtype: torch.dtype,
) -> Partners:
    """Shuffle the batch once for each mix and draw its weights.

    Item-wise: one weight a position (Eq. 11). Feature-wise: one a sequence and dimension (Eq. 12).
    """
    batch, mixes = len(layout.lengths), config.mixes
    keys = torch.rand(2 * mixes, batch, generator=stream, device=stream.device)
    partner = keys.argsort(1)[:, layout.sequence]  # (M, T)
    own, other = layout.lengths[layout.sequence], layout.lengths[partner]
    place = other - own + layout.position
    index = (layout.offsets[partner] + place).where(place >= 0, 0)
    item_wise = symmetric_beta(config.alpha, (mixes, len(layout), 1), stream, dtype)
    features = symmetric_beta(config.alpha, (mixes, batch, size), stream, dtype)
    return Partners(
        partner, index, (place >= 0).unsqueeze(-1), item_wise, features[:, layout.sequence]
    )


def mix_with_partners(vectors: Tensor, padding: Tensor, partners: Partners) -> Tensor:
    """Mix vectors (T, D) with their partners' by each mix's weights, giving (M, T, D).

    `padding` stands in where the partner has no item; it broadcasts to (M, T, D).
    """
    met = torch.where(partners.real, rows_of(vectors, partners.index), padding)
    mixes = len(partners.item_wise)
    item_wise = torch.lerp(met[:mixes], vectors, partners.item_wise)
    feature_wise = torch.lerp(met[mixes:], vectors, partners.feature_wise)
    return torch.cat([item_wise, feature_wise])


def rows_of(vectors: Tensor, index: Tensor) -> Tensor:
    """Look up rows (N, D) by an index of any shape.

    Not `vectors[index]`: on several threads the gradient of that depends on their timing.
    """
    return vectors.index_select(0, index.flatten()).view(*index.shape, -1)
