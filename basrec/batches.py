"""Batches of training sequences, packed: inputs, positions that aim at a target, negatives.

Shapes: B sequences of T packed positions, of which P aim at a target.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from basrec.inputs import Inputs, read_inputs
from basrec.negatives import NegativeSampler
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.split import Examples

PLANNED = 32
"""So many batches are looked up at once: the fixed cost of each operation is shared."""

Aim = Literal["every", "own", "last"]
"""The positions that aim at the next item: all, those of a user's own items, or the last alone."""


@dataclass(frozen=True)
class Batch:
    """One batch.

    Shapes: items (T,), targets (P,), negatives (N, P) on the device; `layout` says which position
    is whose, `aimed` the same of the P; aims (P,) are their packed positions, None for all; `whole`
    holds the same examples before the cut.
    """

    items: Tensor
    targets: Tensor
    negatives: Tensor
    layout: Packed
    aimed: Packed
    aims: Tensor | None
    whole: Examples

    def read(self, outputs: Tensor) -> Tensor:
        """Give the outputs (..., P, D) of the aiming positions of (..., T, D)."""
        return outputs if self.aims is None else outputs.index_select(-2, self.aims)


def draw_batches(
    prepared: Prepared,
    examples: Examples,
    sampler: NegativeSampler,
    batch_size: int,
    negative_count: int,
    max_length: int,
    shuffle: torch.Generator,
    draws: torch.Generator,
    aim: Aim = "every",
) -> Iterator[Batch]:
    """Go once through all examples in a fresh random order; the last batch may be smaller."""
    device = prepared.items.device
    order = torch.randperm(len(examples), generator=shuffle)
    for rows in torch.split(order, batch_size * PLANNED):
        whole = examples.take(rows)
        inputs = read_inputs(prepared, whole, max_length)
        aimed, aims = _aims(inputs, aim)
        targets = _targets(prepared, whole, inputs)
        if aims is not None:
            targets = targets[aims.to(device, non_blocking=True)]
        users = whole.user[aimed.sequence].to(device, non_blocking=True)
        negatives = sampler.draw(users, negative_count, draws)
        for first in range(0, len(whole), batch_size):
            own, here = inputs.layout.part(first, first + batch_size)
            reached, there = aimed.part(first, first + batch_size)
            begin = None if aims is None else (aims[there] - here.start).to(device)
            yield Batch(
                items=inputs.items[here],
                targets=targets[there],
                negatives=negatives[:, there],
                layout=own,
                aimed=reached,
                aims=begin,
                whole=whole.take(slice(first, first + batch_size)),
            )


def _aims(inputs: Inputs, aim: Aim) -> tuple[Packed, Tensor | None]:
    """Lay out the aiming positions, and give their places (P,) on the host; None for all."""
    layout = inputs.layout
    if aim == "last":
        return Packed.of(torch.ones_like(layout.lengths)), layout.last
    if aim == "every" or not bool(inputs.generated.any()):
        return layout, None
    own = layout.position >= inputs.generated[layout.sequence]
    return Packed.of(layout.lengths - inputs.generated), torch.nonzero(own).squeeze(1)


def _targets(prepared: Prepared, whole: Examples, inputs: Inputs) -> Tensor:
    """Give the item (T,) that follows each position of the inputs."""
    device = prepared.items.device
    targets = inputs.items.roll(-1)
    targets[inputs.layout.last.to(device)] = prepared.items[(whole.start + whole.length).to(device)]
    return targets
