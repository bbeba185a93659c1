"""Whether vectors fit the lengths that they are given with; one rule for all backbones.

Shapes: T packed positions, B sequences, L = max_length slots, D embedding size.
"""

import torch
from torch import Tensor


def check_packed(vectors: Tensor, lengths: Tensor, max_length: int) -> None:
    """Refuse packed vectors (T, D) that do not fit `lengths` (B,), or a sequence too long.

    Errors: ValueError; whoever cuts the inputs has a bug.
    """
    rows = vectors.shape[0]
    if int(lengths.sum()) != rows or (rows and int(lengths.max()) > max_length):
        raise ValueError(f"{rows} rows do not fit the lengths, or one exceeds {max_length}")


def check_padded(vectors: Tensor, max_length: int) -> None:
    """Refuse left-padded vectors (B, L, D) with another number of slots than `max_length`.

    Only the shape is looked at, so that an export can trace it. Errors: ValueError.
    """
    if vectors.shape[1] != max_length:
        raise ValueError(f"{vectors.shape[1]} slots, but max_length = {max_length}")


def real_slots(lengths: Tensor, slots: int) -> Tensor:
    """Tell which slots (B, L) of left-padded sequences hold an item."""
    place = torch.arange(slots, device=lengths.device)
    return place >= slots - lengths.unsqueeze(1)
