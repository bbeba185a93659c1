"""Losses as pure functions of scores, one value a position.

Shapes: up (...): scores of targets; down (..., N): scores of what they are held against, -inf where
that does not count.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from basrec.config import TrainSection

Loss = Callable[[Tensor, Tensor], Tensor]


def binary_cross_entropy(up: Tensor, down: Tensor) -> Tensor:
    """Score the target up and each negative down, the negatives' parts added.

    Source: paper Eq. 13, -log sigmoid(h . e+) - log(1 - sigmoid(h . e-)), from logits.
    """
    return functional.softplus(-up) + functional.softplus(down).sum(-1)


def generalised_binary_cross_entropy(up: Tensor, down: Tensor, power: float) -> Tensor:
    """Weigh the target's part by `power` < 1, against the overconfidence that few negatives bring.

    Source: gSASRec (Petrov and Macdonald, RecSys 2023), Eq. 8 and 10.
    """
    parts = power * functional.softplus(-up) + functional.softplus(down).sum(-1)
    return parts / (down.shape[-1] + 1)


def bayesian_personalised_ranking(up: Tensor, down: Tensor) -> Tensor:
    """Score the target above each negative, averaged over them (Rendle et al., UAI 2009)."""
    counted = (down > -torch.inf).sum(-1).clamp(min=1)
    return functional.softplus(down - up.unsqueeze(-1)).sum(-1) / counted


def sampled_softmax(up: Tensor, down: Tensor) -> Tensor:
    """Tell the target from a sample of the catalogue by softmax (Jean et al., ACL 2015)."""
    return torch.cat([up.unsqueeze(-1), down], -1).logsumexp(-1) - up


def cross_entropy(up: Tensor, down: Tensor) -> Tensor:
    """Tell the target from the whole catalogue by softmax: `down` covers it, the target too."""
    return down.logsumexp(-1) - up


# The generalised one needs to know how many negatives are drawn: see below.
LOSSES: dict[str, Loss] = {
    "bce": binary_cross_entropy,
    "bpr": bayesian_personalised_ranking,
    "sampled_softmax": sampled_softmax,
    "ce": cross_entropy,
}


def build_loss(config: TrainSection, num_items: int) -> Loss:
    """Give the loss that the config names."""
    if config.loss != "gbce":
        return LOSSES[config.loss]
    rate = min(1.0, config.negative_count / max(num_items - 1, 1))  # share of negatives drawn
    calibration = config.gbce_calibration
    return partial(
        generalised_binary_cross_entropy, power=rate * (calibration * (1 - 1 / rate) + 1 / rate)
    )
