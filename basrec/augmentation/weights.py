"""Adaptive weights of the edited copies' losses (paper Eq. 9), and what others make of them.

Shapes: C copies of B sequences.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def _min_max(values: Tensor) -> Tensor:
    """Scale each copy's row to [0, 1]; a row of equal values gets ones instead of 0 / 0."""
    low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
    span = high - low
    return torch.where(span > 0, (values - low) / span.clamp(min=1e-300), torch.ones_like(values))


def _sequence(rate: Tensor, mix: Tensor) -> Tensor:
    return _min_max(1.0 / (rate * mix))


def _batch_sum(rate: Tensor, mix: Tensor) -> Tensor:
    scaled = _sequence(rate, mix)
    return scaled.sum(1, keepdim=True).expand_as(scaled)


def _log(rate: Tensor, mix: Tensor) -> Tensor:
    return _min_max(-(rate * mix).log())


def _one(rate: Tensor, mix: Tensor) -> Tensor:
    return torch.ones_like(mix)


WEIGHTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sequence": _sequence,
    "batch_sum": _batch_sum,
    "log": _log,
    "one": _one,
}


def adaptive_weights(kind: str, rate: Tensor, mix: Tensor) -> Tensor:
    """Weigh each sequence's copies by how few items were edited, and how little is of the original.

    `mix` is the original's share, so that 1 / mix is largest where the copy dominates.

    Takes rate and mix (C, B) in float64 and gives (C, B):
    `sequence`: w = 1 / (rate * mix), min-max scaled over the batch (Eq. 9). The tail is heavy, so
    nearly all weights are near 0 and one is 1.
    `batch_sum`: the sum of those over the batch, for every sequence alike. Source: the reference
    multiplies a (B, 1) weight with a (B * L,) loss, and broadcasting makes it so.
    `log`: the min-max taken over log w, which keeps the order and spreads the weights.
    `one`: no weight, the paper's ablation.
    """
    smallest = torch.finfo(mix.dtype).tiny
    return WEIGHTS[kind](rate.clamp(min=smallest), mix.clamp(min=1e-30))
