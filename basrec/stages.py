"""One training stage: epochs, validation, early stopping, checkpoints. Both stages run here."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from basrec.batches import Aim, Batch, draw_batches
from basrec.checkpoint import Progress, copy_weights, save_checkpoint
from basrec.config import StageConfig, TrainConfig
from basrec.early_stopping import MONITOR
from basrec.errors import MachineError
from basrec.evaluation import measure
from basrec.model import Recommender
from basrec.negatives import NegativeSampler
from basrec.objectives import Objective
from basrec.precision import autocast_of, products_of
from basrec.prepared import Prepared
from basrec.rng import generator, global_stream, stream_seed
from basrec.run_folder import write_history
from basrec.split import Examples

OnEpoch = Callable[[dict[str, Any]], None]
Watch = Callable[[Recommender], dict[str, float]]
"""Tells something of a model, by name, and leaves it as it is."""


@dataclass(frozen=True)
class Work:
    """What stays the same through a run."""

    config: TrainConfig
    key: str
    prepared: Prepared
    sampler: NegativeSampler
    device: torch.device
    folder: Path
    on_epoch: OnEpoch


@dataclass(frozen=True)
class Plan:
    """What a stage goes through in an epoch, what it minimises, and what it watches after it."""

    examples: Examples
    aim: Aim
    objective: Objective
    watch: Watch | None = None


def save_progress(
    work: Work, progress: Progress, model: Recommender, adam: torch.optim.Adam
) -> None:
    """Write the checkpoint of a run."""
    save_checkpoint(work.folder / "checkpoint.pt", work.key, progress, model, adam)


def run_stage(
    work: Work,
    progress: Progress,
    model: Recommender,
    adam: torch.optim.Adam,
    stage: StageConfig,
    plan: Plan,
) -> None:
    """Train until patience or epochs run out, and leave the model with its best weights."""
    saved_at = time.monotonic()
    while progress.epoch < stage.epochs and not progress.stopping.should_stop:
        started = time.monotonic()
        progress.epoch += 1
        losses = _run_epoch(work, progress, model, adam, plan)
        due = progress.epoch >= stage.first_validation or progress.epoch == stage.epochs
        line = {
            "stage": progress.stage,
            "epoch": progress.epoch,
            "loss": sum(losses.values()),
            "losses": losses,
            **(_validate(work, progress, model) if due else {"validation": None, "best": False}),
            **({"similarity": plan.watch(model)} if plan.watch else {}),
        }
        line["seconds"] = round(time.monotonic() - started, 3)
        progress.seconds += line["seconds"]
        progress.history.append(line)
        write_history(work.folder, progress.history)
        if time.monotonic() - saved_at >= work.config.train.checkpoint_seconds:
            save_progress(work, progress, model, adam)
            saved_at = time.monotonic()
        work.on_epoch({**line, "epochs": stage.epochs})
    if progress.best is not None:
        model.load_state_dict(progress.best)


def _validate(work: Work, progress: Progress, model: Recommender) -> dict[str, Any]:
    """Measure the validation split and keep the weights where it is the stage's best yet."""
    metrics = measure(model, work.prepared, "validation", work.config.evaluation)
    is_best = progress.stopping.update(metrics.get(MONITOR, 0.0), progress.epoch)
    if is_best:
        progress.best = copy_weights(model)
    return {"validation": metrics, "best": is_best}


def _run_epoch(
    work: Work,
    progress: Progress,
    model: Recommender,
    adam: torch.optim.Adam,
    plan: Plan,
) -> dict[str, float]:
    """Go once through the training examples, giving the mean of each loss over the batches."""
    config, at = work.config, (progress.stage, progress.epoch)
    draws = generator(config.seed, "draws", *at, device=work.device)
    totals: dict[str, torch.Tensor] = {}
    num_batches = 0
    model.train()
    with global_stream(stream_seed(config.seed, "dropout", *at), work.device):
        for batch in _batches(work, plan, draws, *at):
            losses = take_step(model, adam, plan.objective, batch, draws, config.train.precision)
            num_batches += 1
            for name, value in losses.items():
                totals[name] = totals.get(name, 0.0) + value.detach()
    means = {name: float(total) / num_batches for name, total in totals.items()}
    if not all(map(math.isfinite, means.values())):
        raise MachineError(
            f"the loss is not finite in stage {at[0]}, epoch {at[1]}: {means}; "
            "lower train.learning_rate"
        )
    return means


def take_step(
    model: Recommender,
    adam: torch.optim.Adam,
    objective: Objective,
    batch: Batch,
    draws: torch.Generator,
    precision: str = "float32",
) -> dict[str, torch.Tensor]:
    """Take one step down the sum of an objective's losses, and give them."""
    with products_of(precision):
        with autocast_of(precision, model.items.weight.device):
            losses = objective(model, batch, draws)
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
    adam.step()
    return losses


def _batches(
    work: Work, plan: Plan, draws: torch.Generator, stage: int, epoch: int
) -> Iterator[Batch]:
    shuffle = generator(work.config.seed, "shuffle", stage, epoch)
    return draw_batches(
        work.prepared,
        plan.examples,
        work.sampler,
        work.config.train.batch_size,
        work.config.train.drawn_negatives,
        work.config.model.max_length,
        shuffle,
        draws,
        plan.aim,
    )
