"""Mixing weights: exact draws from Beta(alpha, alpha), vectorised and on any device."""

import math

import torch
from torch import Tensor


def symmetric_beta(
    alpha: float, shape: tuple[int, ...], stream: torch.Generator, dtype: torch.dtype
) -> Tensor:
    """Draw from Beta(alpha, alpha) by way of Student's t with 2 alpha degrees of freedom.

    If t follows that law, (1 + t / sqrt(2 alpha + t^2)) / 2 is Beta(alpha, alpha), and t comes
    from two uniforms without rejection (Bailey 1994, Mathematics of Computation 62). With
    z = u^(1 / alpha) and c = cos(2 pi v) the smaller of x and 1 - x is
    z / (z + (1 - z) c^2) / (1 + s) / 2, s = sqrt of one less the first ratio. It keeps all digits
    near 0, where 1 / lambda is large.
    """
    where = stream.device
    uniform = torch.rand(shape, generator=stream, device=where, dtype=dtype)
    angle = torch.rand(shape, generator=stream, device=where, dtype=dtype)
    tiny = torch.finfo(dtype).tiny
    z = (1.0 - uniform).pow(1.0 / alpha).clamp_(min=tiny)  # 1 - u is never 0
    cosine = torch.cos(2.0 * math.pi * angle)
    ratio = z / (z + (1.0 - z) * cosine * cosine)
    smaller = 0.5 * ratio / (1.0 + (1.0 - ratio).sqrt())
    return torch.where(cosine < 0, smaller, 1.0 - smaller)
