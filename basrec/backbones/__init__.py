"""Backbones: encoders of a sequence of item vectors, known by name.

A backbone sees vectors, not ids, so that mixed embeddings can enter. It knows nothing of data,
loss or training. To add one: one file here, one line in BACKBONES.
"""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from basrec.backbones.sasrec import SASRec
from basrec.config import ModelConfig
from basrec.errors import InputError
from basrec.kernels import Kernels

__all__ = ["BACKBONES", "Backbone", "build_backbone", "check_backbone"]


class Backbone(Protocol):
    """What training and ranking ask of an encoder.

    Shapes: B sequences, T packed positions, L = max_length slots, D embedding size.
    """

    causal: bool
    """Whether the output at a position depends on that position and those before it only."""

    def __call__(self, item_vectors: Tensor, lengths: Tensor) -> Tensor:
        """Encode packed vectors (T, D) of sequences of `lengths` (B,), giving (T, D)."""
        ...

    def encode_padded(
        self, item_vectors: Tensor, lengths: Tensor, asked: Tensor | None = None
    ) -> Tensor:
        """Encode left-padded vectors (B, L, D) at every slot, padding too, giving (B, L, D).

        `asked` (B,), on the host: outputs at each sequence's last slots only will be read, so that
        the others may hold anything.
        """
        ...


BACKBONES: dict[str, Callable[[ModelConfig, Kernels | None], Backbone]] = {"sasrec": SASRec}


def check_backbone(name: str) -> None:
    """Refuse a name that is no backbone."""
    if name not in BACKBONES:
        known = ", ".join(sorted(BACKBONES))
        raise InputError(f"model.backbone = {name!r} is not known; known: {known}")


def build_backbone(config: ModelConfig, kernels: Kernels | None = None) -> Backbone:
    """Make the backbone that the config names."""
    check_backbone(config.backbone)
    return BACKBONES[config.backbone](config, kernels)
