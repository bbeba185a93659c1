"""What the network learns from: the items before a cut of a training part, and those after it.

Shapes: B samples, M items before the cut, D embedding size, V items.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from basrec.augmentation.recipients import items_of
from basrec.model import Recommender
from basrec.prepared import Prepared
from basrec.split import Examples


@dataclass(frozen=True)
class Samples:
    """Some samples.

    Shapes: clean (B, M, D); real (B, M): where there is an item at all; condition (B, D).
    """

    clean: Tensor
    real: Tensor
    condition: Tensor


def unit_vectors(model: Recommender) -> Tensor:
    """Give the item vectors (V + 1, D) with entries of mean square 1, as the noise has."""
    table = model.items.weight.detach()[:-1]
    return functional.normalize(table) * table.shape[1] ** 0.5


def condition_of(table: Tensor, prepared: Prepared, parts: Examples, most: int) -> Tensor:
    """Average the vectors of the first `most` items of each stretch, giving (B, D)."""
    kept = Examples(parts.user, parts.start, parts.length.clamp(max=most))
    items, layout = items_of(prepared, kept)
    return torch.segment_reduce(table[items], "mean", lengths=layout.lengths.to(table.device))


def draw_samples(
    table: Tensor,
    prepared: Prepared,
    parts: Examples,
    count: int,
    most: int,
    stream: torch.Generator,
) -> Samples:
    """Cut each part (of 2 items or more) somewhere: `count` items before, the condition after."""
    device = table.device
    uniform = torch.rand(len(parts), generator=stream, device=device, dtype=torch.float64).cpu()
    cut = (uniform * (parts.length - 1)).long().clamp(max=parts.length - 2) + 1
    after = Examples(parts.user, parts.start + cut, parts.length - cut)
    place = after.start.unsqueeze(1) - count + torch.arange(count)
    real = place >= parts.start.unsqueeze(1)
    index, real = place.clamp(min=0).to(device), real.to(device)
    items = prepared.items[index].where(real, 0)
    return Samples(table[items], real, condition_of(table, prepared, after, most))
