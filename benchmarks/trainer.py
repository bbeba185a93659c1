"""A model that takes training steps on demand, as basrec.stages does, for benchmarks to time."""

from collections.abc import Iterator
from typing import Any

import torch

from basrec.augmentation import build_augmenter
from basrec.batches import Batch, draw_batches
from basrec.config import TrainConfig
from basrec.kernels import choose_kernels
from basrec.model import build_recommender
from basrec.negatives import build_sampler
from basrec.prepared import Prepared
from basrec.rivals import Contest
from basrec.rng import generator
from basrec.split import examples_of
from basrec.stages import take_step
from flows.config import resolve

CPU = torch.device("cpu")


def published(method: str, *overrides: str) -> TrainConfig:
    """Give the published settings for Beauty, preset reference, with overrides (KEY=VALUE)."""
    given = ["preset=reference", "device=cpu", f"methods=[{method}]"]
    return resolve(None, "beauty", [*given, *overrides]).for_method(method)


class Trainer:
    """A fresh model under a config; method `base` takes steps of stage 1, others of stage 2."""

    def __init__(self, data: Prepared, config: TrainConfig, **adam: Any) -> None:
        self.data, self.config, train = data, config, config.train
        self.examples = examples_of(data, "train")
        self.sampler = build_sampler(
            data, train.negatives, config.model.extra_ids, CPU, train.drawn_negatives > 0
        )
        contest = Contest.of(train, data, self.sampler)
        self.stage = 1 if config.method == "base" else 2
        self.objective = build_augmenter(config).objective(data, contest)
        kernels = choose_kernels(config.kernels, CPU, train.precision)
        weights = generator(config.seed, "weights")
        self.model = build_recommender(data.num_items, config.model, weights, kernels)
        self.adam = torch.optim.Adam(
            self.model.parameters(), lr=train.learning_rate, **(adam or {"fused": True})
        )
        self.draws = generator(config.seed, "draws", self.stage)

    @property
    def num_batches(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.examples) // self.config.train.batch_size)

    def batches(self) -> Iterator[Batch]:
        """Draw batches, one epoch after the other."""
        train, epoch = self.config.train, 0
        while True:
            epoch += 1
            yield from draw_batches(
                self.data,
                self.examples,
                self.sampler,
                train.batch_size,
                train.drawn_negatives,
                self.config.model.max_length,
                generator(self.config.seed, "shuffle", self.stage, epoch),
                self.draws,
            )

    def step(self, batch: Batch) -> torch.Tensor:
        """Take one step and give its loss."""
        precision = self.config.train.precision
        losses = take_step(self.model, self.adam, self.objective, batch, self.draws, precision)
        return torch.stack([loss.detach() for loss in losses.values()]).sum()
