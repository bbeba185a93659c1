"""The sequential U-Net of DiffuASR: the items of a sequence are the channels of an image.

Each item's vector is laid out as an H x W map, so that convolutions mix items as channels. Three
levels of H x W, a half and a quarter; every block is told the step and the condition.
Left out of the authors' code: its fourth level, second block a level, attention and dropout.
Shapes: B samples, M items, D = H * W embedding size, C channels.
"""

from math import gcd, isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = (1, 2, 2)
"""Channels of each level, in multiples of the first's."""
PERIOD = 10_000.0


class Block(nn.Module):
    """Two convolutions around a shortcut, the context added between them."""

    def __init__(self, inside: int, outside: int, context: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(inside, outside, 3, padding=1)
        self.leave = nn.Conv2d(outside, outside, 3, padding=1)
        self.norms = nn.ModuleList(_norm(size) for size in (inside, outside))
        self.context = nn.Linear(context, outside)
        self.shortcut = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, maps: Tensor, context: Tensor) -> Tensor:
        """Transform maps (B, C, H, W) in the light of contexts (B, 4 C)."""
        inner = self.enter(functional.silu(self.norms[0](maps)))
        inner = inner + self.context(functional.silu(context))[:, :, None, None]
        inner = self.leave(functional.silu(self.norms[1](inner)))
        return inner + self.shortcut(maps)


class SequenceUNet(nn.Module):
    """Predicts the noise in the vectors of the items before a sequence."""

    def __init__(self, count: int, size: int, channels: int) -> None:
        super().__init__()
        self.grid, context = grid_of(size), 4 * channels
        self.channels = channels
        self.time = _two_layers(channels, context)
        self.guide = _two_layers(size, context)
        self.absent = nn.Parameter(torch.zeros(size))  # stands for a condition that is left out
        inside, down = channels, []
        for level in LEVELS:
            down.append(Block(inside, level * channels, context))
            inside = level * channels
        up = []
        for level in reversed(LEVELS):
            up.append(Block(inside + level * channels, level * channels, context))
            inside = level * channels
        widths = [level * channels for level in LEVELS]
        self.enter = nn.Conv2d(count, channels, 3, padding=1)
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.shrink = nn.ModuleList(nn.Conv2d(c, c, 3, stride=2, padding=1) for c in widths)
        self.middle = Block(widths[-1], widths[-1], context)
        self.norm = _norm(inside)
        self.leave = nn.Conv2d(inside, count, 3, padding=1)

    def forward(self, noisy: Tensor, step: Tensor, condition: Tensor) -> Tensor:
        """Predict the noise in vectors (B, M, D) at steps (B,), given conditions (B, D)."""
        context = self.time(waves_of(step, self.channels)) + self.guide(condition)
        maps = self.enter(noisy.view(*noisy.shape[:2], *self.grid))
        skipped = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            maps = block(maps, context)
            skipped.append(maps)
            maps = shrink(maps)
        maps = self.middle(maps, context)
        for block, skip in zip(self.up, reversed(skipped), strict=True):
            maps = functional.interpolate(maps, size=skip.shape[-2:])
            maps = block(torch.cat([maps, skip], 1), context)
        return self.leave(functional.silu(self.norm(maps))).view_as(noisy)


def grid_of(size: int) -> tuple[int, int]:
    """Give the most square H x W with H * W = size."""
    height = next(h for h in range(isqrt(size), 0, -1) if size % h == 0)
    return height, size // height


def waves_of(step: Tensor, size: int) -> Tensor:
    """Encode steps (B,) by sines and cosines (B, size) of falling frequency."""
    half = (size + 1) // 2
    rate = PERIOD ** (-torch.arange(half, device=step.device) / half)
    angle = step.unsqueeze(1) * rate
    return torch.cat([angle.sin(), angle.cos()], 1)[:, :size]


def _two_layers(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inside, outside), nn.SiLU(), nn.Linear(outside, outside))


def _norm(channels: int) -> nn.GroupNorm:
    """Normalise over eight channels or so: fewer would leave nothing of a 1 x 1 map."""
    return nn.GroupNorm(gcd(channels, max(1, channels // 8)), channels)
