"""M-Substitute: replace items by their most similar ones (paper Eq. 8)."""

import torch
from torch import Tensor

from basrec.augmentation.operators.operator import Catalogue, Edited, edited_count
from basrec.packed import Packed


def substitute(
    items: Tensor, layout: Packed, rate: Tensor, catalogue: Catalogue, stream: torch.Generator
) -> Edited:
    """Replace floor(rate * n) different positions, at least `catalogue.at_least`, by neighbours."""
    count = edited_count(rate, layout).clamp(min=catalogue.at_least)
    key = torch.rand(len(items), generator=stream, device=stream.device, dtype=torch.float64)
    order = torch.argsort(layout.sequence + key)  # each sequence's positions in a random order
    chosen = torch.empty_like(layout.position, dtype=torch.bool)
    chosen[order] = layout.position < count[layout.sequence]
    edited = torch.where(chosen, _neighbours(items, catalogue, stream), items)
    return Edited(edited, layout.lengths)


def _neighbours(items: Tensor, catalogue: Catalogue, stream: torch.Generator) -> Tensor:
    """Give each item's most similar item, and what the policy says where there is none."""
    found = catalogue.neighbour[items]
    other = items
    if catalogue.random_without_neighbour:
        other = torch.randint(
            1, catalogue.num_items + 1, items.shape, generator=stream, device=stream.device
        )
    return torch.where(found > 0, found, other)
