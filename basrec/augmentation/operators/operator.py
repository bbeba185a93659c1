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
    """Substitute and insert edit at least so many items."""
    random_without_neighbour: bool
    """A random item stands in for a neighbour that is missing, or none does."""

    @property
    def mask(self) -> int:
        """The mask token: the item table's last row, which is no item."""
        return self.num_items + 1

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
        """Edit a share `rate` of each sequence; crop keeps that share."""
        ...


@dataclass(frozen=True)
class Operator:
    """A way to edit sequences, and what users of it need to know."""

    edit: Edit
    keeps_length: bool = True
    needs_neighbours: bool = False
    identity: float = 0.0
    """The rate at which nothing changes."""


def edited_count(rate: Tensor, layout: Packed) -> Tensor:
    """Count the items (B,) that a rate asks an operator to edit: floor(rate * n)."""
    return (rate * layout.lengths).floor().long()


def uniform(count: int, stream: torch.Generator) -> Tensor:
    """Draw (count,) numbers from [0, 1)."""
    return torch.rand(count, generator=stream, device=stream.device, dtype=torch.float64)


def choose_positions(count: Tensor, layout: Packed, stream: torch.Generator) -> Tensor:
    """Choose `count` (B,) different positions of each sequence, giving (T,) whether chosen."""
    key = uniform(len(layout), stream)
    order = torch.argsort(layout.sequence + key)  # each sequence's positions in a random order
    chosen = torch.empty_like(layout.position, dtype=torch.bool)
    chosen[order] = layout.position < count[layout.sequence]
    return chosen


def find_neighbours(items: Tensor, catalogue: Catalogue, stream: torch.Generator) -> Tensor:
    """Give each item's most similar item (T,); where there is none a random item, or 0."""
    found = catalogue.neighbour[items]
    if not catalogue.random_without_neighbour:
        return found
    other = torch.randint(
        1, catalogue.num_items + 1, items.shape, generator=stream, device=stream.device
    )
    return torch.where(found > 0, found, other)
