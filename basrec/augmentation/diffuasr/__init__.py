"""DiffuASR: items before a user's own, made by diffusion over item vectors.

A recommender of the run's config is trained on the training parts; its item vectors, scaled to
the size of the noise, are diffused and never change. A small U-Net learns to predict the noise in
the `prior.count` items before a random cut, given the mean vector of those after it; DDIM then
makes items before each recipient's own, and each vector becomes the item nearest to it by cosine.
Source: Liu et al., CIKM 2023, and the authors' code. Otherwise than in that code: it learns from
the first `count` items of sequences with two more at least, here any cut will do, and items that
are missing before it do not count; it conditions on the sum of the vectors, and generates from
sequences that hold the validation item; it trains the item vectors along unless told otherwise;
guidance without a classifier trains both predictions at once there, here conditions are left out
at random; its classifier, one of four, acts in training too, here the recommender judges the
user's first item, and only as items are made. Averaged weights are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from basrec.augmentation.augmenter import Augmenter
from basrec.augmentation.diffuasr.diffusion import Predict, Schedule, denoise
from basrec.augmentation.diffuasr.fitting import fit_network
from basrec.augmentation.diffuasr.guidance import (
    classifier_guidance,
    free_guidance,
    judge_of,
    unguided,
)
from basrec.augmentation.diffuasr.network import SequenceUNet
from basrec.augmentation.diffuasr.samples import condition_of, unit_vectors
from basrec.augmentation.pretraining import check_parts, parts_alone, pretrain
from basrec.augmentation.recipients import prior_of, recipients_of
from basrec.config import StageConfig, TrainConfig
from basrec.model import Recommender
from basrec.prepared import Prepared
from basrec.prior import Generated
from basrec.rng import generator
from basrec.split import Examples

if TYPE_CHECKING:
    from basrec.generation import Generation

BLOCK = 512
SCORES = 2**22
"""So many recipients, and scores of vectors with all items, are held at once."""


class DiffuASR(Augmenter):
    """Generates by diffusion; the run then trains from fresh weights."""

    has_prior = True

    def check_data(self, prepared: Prepared) -> None:
        """Refuse training parts that are too short."""
        check_parts(prepared, self.config.method)

    def generate(self, generation: Generation) -> Generated:
        """Train recommender and network, then sample items for the recipients."""
        job, options = generation.job, self.options.diffuasr
        early = options.pretraining
        stage = StageConfig(epochs=early.epochs, patience=early.patience)
        model = pretrain(generation, parts_alone(job.prepared), stage)
        schedule = Schedule.of(options, job.device)
        network = fit_network(generation, schedule, unit_vectors(model))
        recipients, count = recipients_of(job.prepared, self.prior_limit), self.prior_count
        items = sample_items(self.config, model, network, schedule, job.prepared, recipients, count)
        return Generated(prior_of(job.prepared, recipients, items))


@torch.no_grad()
def sample_items(
    config: TrainConfig,
    model: Recommender,
    network: SequenceUNet,
    schedule: Schedule,
    prepared: Prepared,
    recipients: Examples,
    count: int,
) -> Tensor:
    """Sample items (R, M) for recipients, oldest first."""
    table, found = unit_vectors(model), []
    stream = generator(config.seed, "generated", device=table.device)
    for first in range(0, len(recipients), BLOCK):
        block = recipients.take(slice(first, first + BLOCK))
        size = (len(block), count, table.shape[1])
        noise = torch.randn(size, generator=stream, device=table.device)
        condition = condition_of(table, prepared, block, config.model.max_length)
        own = prepared.items[block.start.to(table.device)]
        predict = _predictor(config, model, network, schedule, condition, own)
        steps = config.augmentation.diffuasr.sample_steps
        found.append(nearest_items(table, denoise(schedule, noise, predict, steps)))
    return torch.cat(found) if found else prepared.items.new_empty(0, count)


def _predictor(
    config: TrainConfig,
    model: Recommender,
    network: SequenceUNet,
    schedule: Schedule,
    condition: Tensor,
    own: Tensor,
) -> Predict:
    """Give what predicts the noise under the guidance that the config names."""
    options = config.augmentation.diffuasr
    if options.guidance == "free":
        return free_guidance(network, condition, options.guidance_scale)
    plain = unguided(network, condition)
    if options.guidance == "none":
        return plain
    judge = judge_of(model, own)
    return classifier_guidance(plain, judge, schedule, options.guidance_scale)


def nearest_items(table: Tensor, vectors: Tensor) -> Tensor:
    """Give the item whose vector in the table (V + 1, D) is nearest to each of (B, M, D)."""
    rows = vectors.flatten(0, 1)
    parts = torch.split(rows, max(1, SCORES // len(table)))
    return torch.cat([(part @ table[1:].T).argmax(1) + 1 for part in parts]).view(vectors.shape[:2])
