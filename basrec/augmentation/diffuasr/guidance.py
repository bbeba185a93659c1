"""Guidance: draw the reverse process towards what suits the user's own items.

Shapes: B recipients, M items, D embedding size.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from basrec.augmentation.diffuasr.diffusion import Predict, Schedule
from basrec.augmentation.diffuasr.network import SequenceUNet
from basrec.model import Recommender

Judge = Callable[[Tensor], Tensor]
"""Noisy vectors (B, M, D) in, how well each suits (B,) out: a log-probability."""


def unguided(network: SequenceUNet, condition: Tensor) -> Predict:
    """Predict with the conditions (B, D)."""

    def predict(noisy: Tensor, step: Tensor) -> Tensor:
        noise: Tensor = network(noisy, step, condition)
        return noise

    return predict


def free_guidance(network: SequenceUNet, condition: Tensor, scale: float) -> Predict:
    """Overstate the difference that the condition makes (Ho and Salimans, 2022)."""
    absent = network.absent.expand_as(condition)

    def predict(noisy: Tensor, step: Tensor) -> Tensor:
        told = network(noisy, step, condition)
        return told + scale * (told - network(noisy, step, absent))

    return predict


def classifier_guidance(plain: Predict, judge: Judge, schedule: Schedule, scale: float) -> Predict:
    """Follow the gradient of a judge's log-probability (Dhariwal and Nichol, NeurIPS 2021)."""

    def predict(noisy: Tensor, step: Tensor) -> Tensor:
        with torch.enable_grad():
            given = noisy.detach().requires_grad_()
            (slope,) = torch.autograd.grad(judge(given).sum(), given)
        left = (1.0 - schedule.kept[step]).sqrt().view(-1, 1, 1)
        return plain(noisy, step) - scale * left * slope

    return predict


def judge_of(model: Recommender, first: Tensor) -> Judge:
    """Judge by what a recommender that reads the vectors thinks of the first own items (B,)."""
    table = model.items.weight.detach()
    size = table[1:-1].norm(dim=1).mean() / table.shape[1] ** 0.5

    def judge(noisy: Tensor) -> Tensor:
        read = noisy[:, -model.config.max_length :] * size
        batch, count, width = read.shape
        lengths = torch.full((batch,), count)
        outputs = model.backbone(read.reshape(-1, width), lengths).view(batch, count, width)
        return functional.logsigmoid((outputs[:, -1] * table[first]).sum(-1))

    return judge
