"""What an operator is given and what it gives back."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from basrec.packed import Packed


@dataclass(frozen=True)
class Catalogue:
    """What operators may know of the items.

    Shapes: neighbour (V + 1,): the most similar item of each, 0 for none.
    """

    neighbour: Tensor
    num_items: int
    at_least: int
    """M-Substitute edits at least so many items."""
    random_without_neighbour: bool
    """An item without neighbour is replaced by a random one, or kept."""


class Operator(Protocol):
    """Edit packed sequences: items (T,), `layout` of B sequences, rate (B,) float64."""

    def __call__(
        self,
        items: Tensor,
        layout: Packed,
        rate: Tensor,
        catalogue: Catalogue,
        stream: torch.Generator,
    ) -> Tensor:
        """Give the edited items (T,)."""
        ...


def edited_count(rate: Tensor, layout: Packed) -> Tensor:
    """Count the items (B,) that a rate asks an operator to edit: floor(rate * n)."""
    return (rate * layout.lengths).floor().long()
