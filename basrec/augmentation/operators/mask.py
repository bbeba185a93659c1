"""Mask: hide items of a sequence (CL4SRec, Xie et al., ICDE 2022)."""

import torch
from torch import Tensor

from basrec.augmentation.operators.operator import (
    Catalogue,
    Edited,
    choose_positions,
    edited_count,
)
from basrec.packed import Packed


def mask(
    items: Tensor, layout: Packed, rate: Tensor, catalogue: Catalogue, stream: torch.Generator
) -> Edited:
    """Replace floor(rate * n) different positions by the mask token.

    The token has a row of its own in the item table, `catalogue.mask`, and is trained with it;
    under `model.extra_ids` that row is drawn as a negative too.
    """
    chosen = choose_positions(edited_count(rate, layout), layout, stream)
    return Edited(items.masked_fill(chosen, catalogue.mask), layout.lengths)
