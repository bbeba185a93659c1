"""M-Substitute: replace items by their most similar ones (paper Eq. 8)."""

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


def substitute(
    items: Tensor, layout: Packed, rate: Tensor, catalogue: Catalogue, stream: torch.Generator
) -> Edited:
    """Replace floor(rate * n) different positions, at least `catalogue.at_least`, by neighbours.

    An item without one is kept, or replaced by a random item. CoSeRec's substitute is the same.
    """
    count = edited_count(rate, layout).clamp(min=catalogue.at_least)
    chosen = choose_positions(count, layout, stream)
    similar = find_neighbours(items, catalogue, stream)
    return Edited(torch.where(chosen & (similar > 0), similar, items), layout.lengths)
