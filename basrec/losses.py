"""Losses as pure functions, one value a position.

Shapes: outputs, positives, negatives (T, D), or (M, T, D) for M mixes at once.
"""

from torch import Tensor
from torch.nn import functional


def binary_cross_entropy(outputs: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Score the target up and one sampled negative down (paper Eq. 13), giving (T,).

    Source: -log sigmoid(h . e+) - log(1 - sigmoid(h . e-)), from logits.
    """
    up = (outputs * positives).sum(-1)
    down = (outputs * negatives).sum(-1)
    return functional.softplus(-up) + functional.softplus(down)
