"""How alike an encoder finds original samples and what the augmentation makes of them.

Shapes: R rows of outputs, D embedding size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from basrec.batches import Batch, draw_batches
from basrec.config import TrainConfig
from basrec.model import Recommender
from basrec.negatives import NegativeSampler
from basrec.prepared import Prepared
from basrec.rng import generator
from basrec.split import Examples
from basrec.stages import Watch

if TYPE_CHECKING:
    from basrec.augmentation.augmenter import Augmenter

WATCHED_BATCHES, WATCHED_SIZE = 4, 256
"""So many batches are compared after an epoch, each of so many sequences at most."""


def watch_of(
    augmenter: Augmenter,
    config: TrainConfig,
    prepared: Prepared,
    examples: Examples,
    sampler: NegativeSampler,
    causal: bool,
) -> Watch | None:
    """Give what tells the mean cosine similarity by kind of sample; None where none is made.

    Batches and draws are the same each time, so that what changes is the model's doing alone.
    """
    if not augmenter.makes_pairs:
        return None
    device = prepared.items.device
    batches = _fixed_batches(augmenter, config, prepared, examples, sampler, causal)

    def watch(model: Recommender) -> dict[str, float]:
        draws = generator(config.seed, "watched", device=device)
        was_training = model.training
        model.eval()
        with torch.no_grad():
            pairs = [augmenter.pairs(model, prepared, batch, draws) for batch in batches]
        model.train(was_training)
        kinds = dict.fromkeys(k for told in pairs for k, (one, _) in told.items() if len(one))
        return {
            kind: mean_similarity([told[kind] for told in pairs if kind in told]) for kind in kinds
        }

    return watch


def _fixed_batches(
    augmenter: Augmenter,
    config: TrainConfig,
    prepared: Prepared,
    examples: Examples,
    sampler: NegativeSampler,
    causal: bool,
) -> list[Batch]:
    """Draw the first batches of a shuffle that is the same in every epoch; no negatives."""
    examples = augmenter.augmented(prepared, examples)
    shuffle = generator(config.seed, "watched")
    size = min(config.train.batch_size, WATCHED_SIZE)
    order = torch.randperm(len(examples), generator=shuffle)[: WATCHED_BATCHES * size]
    draws = generator(config.seed, "watched", device=prepared.items.device)
    length, aim = config.model.max_length, augmenter.aim(causal)
    few = examples.take(order)
    return list(draw_batches(prepared, few, sampler, size, 0, length, shuffle, draws, aim))


def mean_similarity(pairs: list[tuple[Tensor, Tensor]]) -> float:
    """Average the cosine similarity over all rows of pairs of outputs (R, D)."""
    rows = [cosine_similarity(one.float(), other.float(), dim=-1) for one, other in pairs]
    return float(torch.cat(rows).double().mean())
