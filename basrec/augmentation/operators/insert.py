"""Insert: put similar items into a sequence (CoSeRec, Liu et al., 2021, arXiv 2108.06479)."""

import torch
from torch import Tensor

from basrec.augmentation.operators.operator import (
    Catalogue,
    Edited,
    choose_positions,
    edited_count,
    find_neighbours,
)
from basrec.packed import Packed


def insert(
    items: Tensor, layout: Packed, rate: Tensor, catalogue: Catalogue, stream: torch.Generator
) -> Edited:
    """Put before floor(rate * n) different positions the item most similar to the one there.

    At least `catalogue.at_least` positions are chosen. Before an item without a similar one nothing
    is put, or a random item. The lengths are copied to the host, for which a GPU is waited for.
    """
    similar = find_neighbours(items, catalogue, stream)
    count = edited_count(rate, layout).clamp(min=catalogue.at_least)
    chosen = choose_positions(count, layout, stream) & (similar > 0)
    kept = torch.stack([chosen, torch.ones_like(chosen)], 1)  # (T, 2)
    added = torch.zeros_like(layout.lengths).index_add_(0, layout.sequence, chosen.long())
    return Edited(torch.stack([similar, items], 1)[kept], (layout.lengths + added).cpu())
