"""Ways to call an operator by name, and the sequences that the tests edit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from basrec.augmentation.operators import OPERATORS, Catalogue, Edited
from basrec.packed import Packed
from basrec.rng import generator

# Item i has neighbour i + 1, items 99 and 100 have none.
NEIGHBOUR = torch.tensor([0, *range(2, 100), 0, 0])

Apply = Callable[..., Edited]


@pytest.fixture(scope="session")
def apply() -> Apply:
    """Edit items by the operator of a name, each sequence at the same rate."""

    def run(
        name: str, items: Tensor, layout: Packed, rate: float, seed: int, **told: Any
    ) -> Edited:
        catalogue = Catalogue(
            NEIGHBOUR, 100, **({"at_least": 0, "random_without_neighbour": False} | told)
        )
        rates = torch.full((len(layout.lengths),), rate, dtype=torch.float64)
        return OPERATORS[name].edit(items, layout, rates, catalogue, generator(seed, "draws"))

    return run


@pytest.fixture
def layout() -> Packed:
    """Four sequences, one of them a single item."""
    return Packed.of(torch.tensor([3, 10, 1, 20]))


@pytest.fixture
def items() -> Tensor:
    """Different items for all positions of the layout."""
    return torch.arange(1, 35)


@pytest.fixture(scope="session")
def many() -> tuple[Tensor, Packed]:
    """Items 1..6 as 12000 sequences alike, to count what is drawn."""
    return torch.arange(1, 7).repeat(12000), Packed.of(torch.full((12000,), 6))
