"""Losses as pure functions, one value a position.

Shapes: outputs, positives, negatives (T, D), or (C, T, D) for C copies at once.
"""

from torch import Tensor
from torch.nn import functional


def scores(outputs: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
    """Give the inner products of outputs with targets and with negatives."""
    return (outputs * positives).sum(-1), (outputs * negatives).sum(-1)


def binary_cross_entropy(up: Tensor, down: Tensor) -> Tensor:
    """Score the target up and one sampled negative down (paper Eq. 13), giving (T,).

    Source: -log sigmoid(h . e+) - log(1 - sigmoid(h . e-)), from logits.
    """
    return functional.softplus(-up) + functional.softplus(down)
