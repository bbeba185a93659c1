"""M-Reorder: shuffle a run of a sequence (paper Eq. 5)."""

import torch
from torch import Tensor

from basrec.augmentation.operators.operator import Catalogue, Edited, edited_count, uniform
from basrec.packed import Packed


def reorder(
    items: Tensor, layout: Packed, rate: Tensor, catalogue: Catalogue, stream: torch.Generator
) -> Edited:
    """Shuffle floor(rate * n) neighbouring items from a random start.

    On short sequences that is often nothing: a run of 0 or 1 items, or the same order again.
    """
    count = edited_count(rate, layout)
    start = (uniform(len(count), stream) * (layout.lengths - count + 1)).floor().long()
    begin, size = start[layout.sequence], count[layout.sequence]
    inside = (layout.position >= begin) & (layout.position < begin + size)
    # Sorting by place keeps an item where it is; within the run the place is drawn anew.
    place = torch.where(inside, begin + uniform(len(items), stream) * size, layout.position)
    order = torch.argsort(layout.offsets[layout.sequence] + place)
    return Edited(items[order], layout.lengths)
