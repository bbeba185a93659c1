"""The diffusion itself: noise on vectors by a schedule, and the way back by DDIM.

Source: Ho et al., NeurIPS 2020 (the way there), Song et al., ICLR 2021 (DDIM, no fresh noise).
Shapes: S steps, B samples, M items, D embedding size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from basrec.augmentation_config import DiffusionOptions

Predict = Callable[[Tensor, Tensor], Tensor]
"""Noisy vectors (B, M, D) and their steps (B,) in, the noise in them (B, M, D) out."""
USUAL_STEPS = 1000


@dataclass(frozen=True)
class Schedule:
    """How much is left of the clean vectors after each step.

    Shapes: kept (S,), the share of the variance: vectors at step t are N(sqrt(kept) x, 1 - kept).
    """

    kept: Tensor

    @classmethod
    def of(cls, options: DiffusionOptions, device: torch.device) -> "Schedule":
        """Grow the noise linearly over the usual steps, and look at so many moments of that."""
        added = torch.linspace(*options.noise, USUAL_STEPS, dtype=torch.float64)
        left = torch.log1p(-added).cumsum(0)
        moment = torch.linspace(0, USUAL_STEPS - 1, options.steps, dtype=torch.float64)
        early, late = left[moment.floor().long()], left[moment.ceil().long()]
        kept = torch.exp(torch.lerp(early, late, moment.frac()))
        return cls(kept.float().to(device))

    def noised(self, clean: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Give clean vectors (B, M, D) as they are at steps (B,) with this noise (B, M, D)."""
        kept = self.kept[step].view(-1, 1, 1)
        return kept.sqrt() * clean + (1.0 - kept).sqrt() * noise

    def cleaned(self, noisy: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Take the noise out again."""
        kept = self.kept[step].view(-1, 1, 1)
        return (noisy - (1.0 - kept).sqrt() * noise) / kept.sqrt()


def denoise(schedule: Schedule, noisy: Tensor, predict: Predict, count: int) -> Tensor:
    """Go from vectors (B, M, D) of the last step to clean ones, in `count` steps spread evenly."""
    last = len(schedule.kept) - 1
    steps = torch.linspace(last, 0, count).round().long().tolist()
    for now, then in pairwise([*steps, -1]):
        step = torch.full((len(noisy),), now, device=noisy.device)
        noise = predict(noisy, step)
        clean = schedule.cleaned(noisy, noise, step)
        noisy = clean if then < 0 else schedule.noised(clean, noise, torch.full_like(step, then))
    return noisy
