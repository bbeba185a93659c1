"""How adaptive loss weights are distributed under each preset, and what they leave of L_ssa.

Shapes: C copies of B sequences.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from basrec.augmentation.mixing import symmetric_beta
from basrec.augmentation.single_sequence import draw_rates
from basrec.augmentation.weights import adaptive_weights
from basrec.config import AugmentationConfig, TrainConfig
from basrec.presets import PRESETS
from basrec.rng import generator

DRAWN_BATCHES, DRAWN_WEIGHTS = 200, 2**24
"""So many batches are drawn, fewer where they are so large that there would be more weights."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BIN_EDGES = tuple(number / 2 for number in range(-12, 7))
"""Powers of ten between which weights are counted; what is outside counts in the outer bins."""


def weights_by_preset(config: TrainConfig, num_examples: int) -> dict[str, dict[str, Any]]:
    """Describe the weights that each preset, and no weighting, gives the run's rates and mixes.

    All kinds weigh the same draws: full batches of the run's size, at its rate and alpha.
    """
    stream, size = generator(config.seed, "watched"), min(config.train.batch_size, num_examples)
    shape = (2 * config.augmentation.pairs, size)
    num_batches = max(1, min(DRAWN_BATCHES, DRAWN_WEIGHTS // (shape[0] * shape[1])))
    drawn = [_draw(config.augmentation, shape, stream) for _ in range(num_batches)]
    kinds, own, told = preset_weights(), config.augmentation.weight, {}
    alike = [name for name, kind in kinds.items() if kind == own]
    own_name = config.preset if config.preset in alike else alike[-1]
    for name, kind in kinds.items():
        weights = torch.stack([adaptive_weights(kind, rate, mix) for rate, mix in drawn])
        told[name] = {"kind": kind, "is_own": name == own_name, **describe(weights.flatten())}
    return told


def preset_weights() -> dict[str, str]:
    """Give the kind of weight of each preset, and `one` beside them."""
    sections = {name: values.get("augmentation", {}) for name, values in PRESETS.items()}
    kinds = {name: AugmentationConfig(**section).weight for name, section in sections.items()}
    return {**kinds, "one": "one"}


def _draw(
    config: AugmentationConfig, shape: tuple[int, int], stream: torch.Generator
) -> tuple[Tensor, Tensor]:
    rate = draw_rates(config, shape, stream)
    return rate, symmetric_beta(config.alpha, shape, stream, torch.float64)


def describe(weights: Tensor) -> dict[str, Any]:
    """Give mean (the effective weight of a position's loss), quantiles and histogram.

    The histogram is the share of weights in each bin of their base-10 logarithm.
    """
    quantiles = np.quantile(weights.numpy(), QUANTILES)  # PyTorch's takes 16 million at most
    edges = torch.tensor(BIN_EDGES, dtype=weights.dtype)
    place = torch.bucketize(weights.clamp(min=1e-300).log10(), edges, right=True) - 1
    counts = torch.bincount(place.clamp(0, len(edges) - 2), minlength=len(edges) - 1)
    return {
        "effective": float(weights.mean()),
        "below_0.01": float((weights < 0.01).double().mean()),
        "quantiles": dict(zip(map(str, QUANTILES), quantiles.tolist(), strict=True)),
        "histogram": {"log10_edges": list(BIN_EDGES), "shares": (counts / len(weights)).tolist()},
    }


def loss_shares(history: list[dict[str, Any]]) -> dict[str, float]:
    """Give each further loss as a multiple of the main one, averaged over its epochs."""
    names = dict.fromkeys(name for line in history for name in line["losses"] if name != "main")
    told = {}
    for name in names:
        ratios = [
            line["losses"][name] / line["losses"]["main"]
            for line in history
            if name in line["losses"] and line["losses"]["main"]
        ]
        told[name] = sum(ratios) / len(ratios) if ratios else 0.0
    return told
