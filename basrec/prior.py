"""Items put before a user's own: what generating methods add to a dataset.

They are inputs only where a user's items are read from the first on. They are never held out, never
ranked as targets, and do not count as seen.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Prior:
    """Generated items of all users, one after the other, each user's oldest first.

    Shapes: items (P,), on the device; offsets (U + 1,), on the host.
    """

    items: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, items: Tensor, counts: Tensor) -> "Prior":
        """Lay out items (P,) of users that have so many (U,)."""
        return cls(items, torch.cat([counts.new_zeros(1), counts.cumsum(0)]))

    def to(self, device: torch.device) -> "Prior":
        """Move the items to a device."""
        return Prior(self.items.to(device), self.offsets)


@dataclass(frozen=True)
class Generated:
    """What a method generates: the items, and weights to begin training from, if any."""

    prior: Prior
    weights: dict[str, Tensor] | None = None
