"""Who meets whom in a cross-sequence mix, and what stands in where a partner has no item.

Shapes: B sequences of T packed positions, M mixes, D embedding size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from basrec.config import AugmentationConfig
from basrec.packed import Packed


@dataclass(frozen=True)
class Partners:
    """Who meets whom in each mix.

    Shapes: partner (M, B): each sequence's partner; index (M, T): the partner's packed position, -1
    where its slot is padding; own (T,): a position's own sequence; item_wise (M / 2, T) and
    feature_wise (M / 2, B, D): the weights.
    """

    partner: Tensor
    index: Tensor
    own: Tensor
    item_wise: Tensor
    feature_wise: Tensor

    def longest_met(self, layout: Packed) -> Tensor:
        """Give each sequence's own length (B,) or that of the longest sequence that meets it."""
        meeting = layout.lengths.expand_as(self.partner).flatten()
        return layout.lengths.scatter_reduce(0, self.partner.flatten(), meeting, "amax")

    def mixed(self, config: AugmentationConfig) -> Tensor:
        """Say where (M, T) a sequence is mixed: where its partner has an item, or everywhere."""
        met = self.index >= 0
        return met if config.partner_padding == "skip" else torch.ones_like(met)


@dataclass(frozen=True)
class Padding:
    """What stands in for a partner's output where it has no item.

    Shapes: rows (R, D); index (M, T) into them. `shared` says whether positions of one mix may
    meet the same row.
    """

    rows: Tensor
    index: Tensor
    shared: bool
