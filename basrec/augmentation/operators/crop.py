"""Crop: keep one run of a sequence (CL4SRec, Xie et al., ICDE 2022)."""

import torch
from torch import Tensor

from basrec.augmentation.operators.operator import Catalogue, Edited, edited_count, uniform
from basrec.packed import Packed


def crop(
    items: Tensor, layout: Packed, rate: Tensor, catalogue: Catalogue, stream: torch.Generator
) -> Edited:
    """Keep max(1, floor(rate * n)) neighbouring items from a random start.

    Unlike with the other operators, `rate` is the share that is left as it is (the paper's eta), so
    that 1 changes nothing. The lengths are copied to the host, for which a GPU is waited for.
    """
    count = edited_count(rate, layout).clamp(min=1)
    start = (uniform(len(count), stream) * (layout.lengths - count + 1)).floor().long()
    begin = start[layout.sequence]
    inside = (layout.position >= begin) & (layout.position < begin + count[layout.sequence])
    return Edited(items[inside], count.cpu())
