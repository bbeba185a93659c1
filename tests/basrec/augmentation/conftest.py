"""A small float64 model, batches of both kinds of aim, and contests."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from basrec.batches import Batch, draw_batches
from basrec.config import TrainConfig, TrainSection
from basrec.model import Recommender
from basrec.negatives import build_sampler
from basrec.prepared import Prepared
from basrec.rivals import Contest
from basrec.rng import generator
from basrec.split import examples_of, prefixes_of
from tests.basrec.augmentation.generating import chain_folder, make_prior  # noqa: F401  (fixtures)
from tests.basrec.plain_objectives import SLOTS, make_model


@pytest.fixture
def model(prepared: Prepared) -> Recommender:
    """Make a model without dropout."""
    return make_model(prepared.num_items)


@pytest.fixture
def batch_of(prepared: Prepared) -> Callable[..., Batch]:
    """Draw a batch of training sequences, or of prefixes that aim with their last position."""
    sampler = build_sampler(prepared, "history", False, torch.device("cpu"))

    def draw(aim: str = "every", size: int = 16) -> Batch:
        examples = examples_of(prepared, "train")
        examples = prefixes_of(examples) if aim == "last" else examples
        streams = generator(1, "shuffle"), generator(1, "draws")
        batches = draw_batches(prepared, examples, sampler, size, 1, SLOTS, *streams, aim)
        return next(iter(batches))

    return draw


@pytest.fixture
def contest_of(prepared: Prepared) -> Callable[..., Contest]:
    """Make the contest of some training options."""
    sampler = build_sampler(prepared, "history", False, torch.device("cpu"))
    return lambda **told: Contest.of(TrainSection(**told), prepared, sampler)


@pytest.fixture
def config_of() -> Callable[..., TrainConfig]:
    """Make the config of a method, with options of its augmentation."""

    def make(method: str, **augmentation: Any) -> TrainConfig:
        values = {
            "method": method,
            "model": {"embedding_size": 8, "max_length": SLOTS},
            "augmentation": augmentation,
            "device": "cpu",
        }
        return TrainConfig.model_validate(values)

    return make


@pytest.fixture
def plain_mean() -> Callable[..., Tensor]:
    """Give the mean BCE of sequences one by one; None as a target does not count."""

    def mean(
        model: Recommender,
        inputs: Iterable[Tensor],
        targets: Sequence[Sequence[int | None]],
        negatives: Sequence[int],
    ) -> Tensor:
        losses, rest = [], iter(negatives)
        for items, aims in zip(inputs, targets, strict=True):
            outputs = model(items, torch.tensor([len(items)]))
            for output, target in zip(outputs, aims, strict=True):
                if target is not None:
                    up, down = (output @ model.items.weight[i] for i in (target, next(rest)))
                    losses.append(-torch.log(up.sigmoid()) - torch.log(1 - down.sigmoid()))
        return torch.stack(losses).mean()

    return mean


@pytest.fixture
def gradients_of() -> Callable[[Recommender, dict[str, Tensor]], list[Tensor]]:
    """Give the gradients of a sum of losses."""

    def give(model: Recommender, losses: dict[str, Tensor]) -> list[Tensor]:
        total = torch.stack(list(losses.values())).sum()
        return list(torch.autograd.grad(total, list(model.parameters())))

    return give
