"""Random streams keyed by what they are for, so that any epoch can be drawn again by itself.

A resumed run needs no saved generator state: the stream of (seed, stage, epoch, purpose) is the
same whether or not the epochs before it ran in this process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch

Purpose = Literal["weights", "shuffle", "draws", "dropout", "generated", "watched"]
PURPOSES: dict[Purpose, int] = {
    "weights": 0,
    "shuffle": 1,
    "draws": 2,
    "dropout": 3,
    "generated": 4,
    "watched": 5,
}


def stream_seed(seed: int, purpose: Purpose, stage: int = 0, epoch: int = 0) -> int:
    """Give the 63-bit seed of one stream."""
    words = np.random.SeedSequence([seed, PURPOSES[purpose], stage, epoch]).generate_state(2)
    return int(words[0]) << 31 | int(words[1]) >> 1


def generator(
    seed: int, purpose: Purpose, stage: int = 0, epoch: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Give a fresh generator at the start of one stream."""
    stream = torch.Generator(device=device)
    return stream.manual_seed(stream_seed(seed, purpose, stage, epoch))


@contextmanager
def global_stream(value: int, device: torch.device) -> Iterator[None]:
    """Seed PyTorch's own stream, which dropout draws from, and give it back as it was."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(value)
        yield
