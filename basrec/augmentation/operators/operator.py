"""What an operator is given and what it gives back."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from basrec.augmentation_config import AugmentationConfig
from basrec.packed import Packed
from basrec.prepared import Prepared


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

    @classmethod
    def of(cls, prepared: Prepared, config: AugmentationConfig) -> "Catalogue":
        """Tell the operators of a dataset's items."""
        return cls(
            prepared.neighbour,
            prepared.num_items,
            config.substitute_at_least,
            config.without_neighbour == "random",
        )


class Edited(NamedTuple):
    """Edited sequences: items (T',), and their lengths (B,) on the host, each at least 1.

    Where an operator keeps the lengths, they are the layout's own, wherever those are.
    """

    items: Tensor
    lengths: Tensor


class Edit(Protocol):
    """Edit packed sequences: items (T,), `layout` of B sequences, rate (B,) float64."""

    def __call__(
        self,
        items: Tensor,
        layout: Packed,
        rate: Tensor,
        catalogue: Catalogue,
        stream: torch.Generator,
    ) -> Edited:
        """Give the edited items and lengths."""
        ...


@dataclass(frozen=True)
class Operator:
    """A way to edit sequences, and what users of it need to know."""

    edit: Edit
    keeps_length: bool = True
    needs_neighbours: bool = False


def edited_count(rate: Tensor, layout: Packed) -> Tensor:
    """Count the items (B,) that a rate asks an operator to edit: floor(rate * n)."""
    return (rate * layout.lengths).floor().long()
