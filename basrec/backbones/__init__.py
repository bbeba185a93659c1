"""Backbones: encoders of a sequence of item vectors, known by name.

A backbone sees vectors, not ids, so that mixed embeddings can enter. It knows nothing of data,
loss or training. To add one: one file here, one line in BACKBONES.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from basrec.backbones.fmlp import FMLP
from basrec.backbones.gru4rec import GRU4Rec
from basrec.backbones.nextitnet import NextItNet
from basrec.backbones.sasrec import SASRec
from basrec.config import ModelConfig
from basrec.errors import InputError
from basrec.kernels import Kernels

__all__ = ["BACKBONES", "Backbone", "Initialised", "build_backbone", "check_backbone"]


class Backbone(Protocol):
    """What training and ranking ask of an encoder.

    Shapes: B sequences, T packed positions, L = max_length slots, D embedding size.
    """

    causal: bool
    """Whether the output at a position depends on that position and those before it only."""
    sees_padding: bool
    """Whether outputs at real positions depend on vectors in padded slots; mostly not."""

    def __call__(self, item_vectors: Tensor, lengths: Tensor) -> Tensor:
        """Encode packed vectors (T, D) of sequences of `lengths` (B,), giving (T, D).

        Errors: ValueError where a sequence is longer than L; inputs are cut before.
        """
        ...

    def encode_padded(
        self, item_vectors: Tensor, lengths: Tensor, asked: Tensor | None = None
    ) -> Tensor:
        """Encode left-padded vectors (B, L, D) at every slot, padding too, giving (B, L, D).

        A length may be 0. Plain operations on tensors, `lengths` too, so that it can be exported.
        `asked` (B,), on the host: outputs at each sequence's last slots only will be read, so that
        the others may hold anything.
        """
        ...


@runtime_checkable
class Initialised(Protocol):
    """A backbone with a rule of its own for its initial weights."""

    def initialise(self, stream: torch.Generator) -> None:
        """Draw the weights that are not N(0, initializer_range)."""
        ...


BACKBONES: dict[str, Callable[[ModelConfig, Kernels | None], Backbone]] = {
    "gru4rec": GRU4Rec,
    "nextitnet": NextItNet,
    "sasrec": SASRec,
    "fmlp": FMLP,
}


def check_backbone(name: str) -> None:
    """Refuse a name that is no backbone."""
    if name not in BACKBONES:
        known = ", ".join(sorted(BACKBONES))
        raise InputError(f"model.backbone = {name!r} is not known; known: {known}")


def build_backbone(config: ModelConfig, kernels: Kernels | None = None) -> Backbone:
    """Make the backbone that the config names."""
    check_backbone(config.backbone)
    return BACKBONES[config.backbone](config, kernels)
