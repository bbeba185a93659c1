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
    """Score the target up and the negatives down, their parts averaged.

    Source: paper Eq. 13, -log sigmoid(h . e+) - log(1 - sigmoid(h . e-)), from logits.
    """
    return functional.softplus(-up) + functional.softplus(down).sum(-1) / _counted(down)


def generalised_binary_cross_entropy(
    up: Tensor, down: Tensor, calibration: float, num_items: int
) -> Tensor:
    """Weigh the target's part by a power below 1, against the overconfidence of few negatives.

    power = rate * (t * (1 - 1 / rate) + 1 / rate) = 1 - t * (1 - rate), with t the calibration and
    rate the share of the other items that are negatives; all is divided by their number plus 1.
    Source: gSASRec (Petrov and Macdonald, RecSys 2023), Eq. 8 and 10.
    """
    counted = _counted(down)
    power = 1.0 - calibration * (1.0 - (counted / max(num_items - 1, 1)).clamp(max=1.0))
    return (power * functional.softplus(-up) + functional.softplus(down).sum(-1)) / (counted + 1)


def bayesian_personalised_ranking(up: Tensor, down: Tensor) -> Tensor:
    """Score the target above each negative, averaged over them (Rendle et al., UAI 2009)."""
    return functional.softplus(down - up.unsqueeze(-1)).sum(-1) / _counted(down)


def _counted(down: Tensor) -> Tensor:
    """Count the negatives of each position that do count, but at least 1."""
    return (down > -torch.inf).sum(-1).clamp(min=1).to(down.dtype)


def sampled_softmax(up: Tensor, down: Tensor) -> Tensor:
    """Tell the target from a sample of the catalogue by softmax (Jean et al., ACL 2015)."""
    return torch.cat([up.unsqueeze(-1), down], -1).logsumexp(-1) - up


def cross_entropy(up: Tensor, down: Tensor) -> Tensor:
    """Tell the target from the whole catalogue by softmax: `down` covers it, the target too."""
    return down.logsumexp(-1) - up


# The generalised one needs to know the catalogue: see below.
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
    return partial(
        generalised_binary_cross_entropy,
        calibration=config.gbce_calibration,
        num_items=num_items,
    )
