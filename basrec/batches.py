"""Batches of training sequences, packed: cut to the last items, targets and negatives."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from basrec.negatives import NegativeSampler
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.split import Examples

PLANNED = 32
"""So many batches are looked up at once: the fixed cost of each operation is shared."""


@dataclass(frozen=True)
class Batch:
    """One batch.

    Shapes: items, targets (T,), negatives (N, T) on the device; `layout` says which position is
    whose; `whole` holds the same examples before the cut.
    """

    items: Tensor
    targets: Tensor
    negatives: Tensor
    layout: Packed
    whole: Examples


def draw_batches(
    prepared: Prepared,
    examples: Examples,
    sampler: NegativeSampler,
    batch_size: int,
    negative_count: int,
    max_length: int,
    shuffle: torch.Generator,
    draws: torch.Generator,
) -> Iterator[Batch]:
    """Go once through all examples in a fresh random order; the last batch may be smaller."""
    device = prepared.items.device
    order = torch.randperm(len(examples), generator=shuffle)
    for rows in torch.split(order, batch_size * PLANNED):
        whole = examples.take(rows)
        cut = whole.cut(max_length)
        layout = Packed.of(cut.length)
        index = layout.flat(cut.start).to(device, non_blocking=True)
        users = cut.user[layout.sequence].to(device, non_blocking=True)
        items, targets = prepared.items[index], prepared.items[index + 1]
        negatives = sampler.draw(users, negative_count, draws)
        for first in range(0, len(whole), batch_size):
            own, here = layout.part(first, first + batch_size)
            yield Batch(
                items=items[here],
                targets=targets[here],
                negatives=negatives[:, here],
                layout=own,
                whole=whole.take(slice(first, first + batch_size)),
            )
