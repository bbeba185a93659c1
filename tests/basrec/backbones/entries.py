"""What the contract is checked on: every registered backbone, and variants of their options."""

from typing import Any

import torch
from torch import Tensor

from basrec.backbones import BACKBONES
from basrec.config import ModelConfig
from basrec.model import Recommender, build_recommender
from basrec.packed import Packed
from basrec.rng import generator

SLOTS, SIZE = 12, 8
LENGTHS = torch.tensor([1, 7, 3, 12, 2, 12, 5])
LENGTH = int(LENGTHS.sum())
ENTRIES: dict[str, dict[str, Any]] = {name: {"backbone": name} for name in sorted(BACKBONES)} | {
    "nextitnet, wide": {
        "backbone": "nextitnet",
        "nextitnet": {"kernel_size": 4, "dilations": (2, 9)},
    },
    "gru4rec, deep": {"backbone": "gru4rec", "gru4rec": {"layers": 2, "hidden_size": 5}},
    "fmlp, causal": {"backbone": "fmlp", "fmlp": {"filter": "causal"}},
    "fmlp, encode": {"backbone": "fmlp", "fmlp": {"padding": "encode"}},
    "fmlp, causal, encode": {
        "backbone": "fmlp",
        "fmlp": {"filter": "causal", "padding": "encode"},
    },
}


def make(entry: str, dropout: float = 0.0, seed: int = 1, **options: Any) -> Recommender:
    """Make a small recommender in float64, with weights large enough to be seen."""
    values: dict[str, Any] = {
        "embedding_size": SIZE,
        "max_length": SLOTS,
        "dropout": dropout,
        "sasrec": {"attention_dropout": dropout},
        "initializer_range": 0.3,
    }
    config = ModelConfig.model_validate(values | ENTRIES[entry] | options)
    return build_recommender(30, config, generator(seed, "weights")).double()


def draw(*shape: int, seed: int = 2) -> Tensor:
    """Draw normal numbers in float64."""
    stream = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=stream, dtype=torch.float64)


def vectors() -> Tensor:
    """Give packed vectors of sequences of LENGTHS."""
    return draw(LENGTH, SIZE)


def pad(packed: Tensor, lengths: Tensor, fill: Tensor | float = 0.0) -> Tensor:
    """Put packed rows into SLOTS slots, padded on the left."""
    padded = packed.new_zeros(len(lengths), SLOTS, packed.shape[1]) + fill
    for row, part in enumerate(packed.split(lengths.tolist())):
        padded[row, SLOTS - len(part) :] = part
    return padded


def unpad(padded: Tensor, lengths: Tensor) -> Tensor:
    """Take the real slots, one sequence after the other."""
    return torch.cat([padded[row, SLOTS - n :] for row, n in enumerate(lengths.tolist())])


def differ(one: Tensor, other: Tensor) -> bool:
    """Tell whether values differ by more than rounding."""
    return bool((one - other).abs().max() > 1e-9)


def looks_ahead(model: Recommender) -> bool:
    """Tell whether an output changes when vectors after its position do.

    By values, so that no leak hides from the gradient.
    """
    inputs, position = vectors(), Packed.of(LENGTHS).position
    outputs = model.backbone(inputs, LENGTHS)
    for place in range(SLOTS - 1):
        later = (position > place).unsqueeze(1)
        changed = model.backbone(torch.where(later, draw(LENGTH, SIZE, seed=3), inputs), LENGTHS)
        until = position <= place
        if differ(changed[until], outputs[until]):
            return True
    return False


def padding_is_seen(model: Recommender) -> bool:
    """Tell whether outputs at real positions change with the vectors in padded slots."""
    outputs = [
        unpad(model.backbone.encode_padded(pad(vectors(), LENGTHS, fill), LENGTHS), LENGTHS)
        for fill in (0.0, draw(SIZE, seed=8))
    ]
    return differ(*outputs)
