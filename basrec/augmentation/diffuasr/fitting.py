"""Fit the network: each epoch cuts and noises every training part anew.

Streams are keyed by epoch, so a fit that was killed goes on from its checkpoint to the same result.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from basrec.augmentation.diffuasr.diffusion import Schedule
from basrec.augmentation.diffuasr.network import SequenceUNet
from basrec.augmentation.diffuasr.samples import Samples, draw_samples
from basrec.augmentation.pretraining import STAGE
from basrec.augmentation.recipients import training_parts
from basrec.checkpoint import (
    Progress,
    drop_foreign_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from basrec.errors import MachineError
from basrec.rng import generator, global_stream, stream_seed
from basrec.run_folder import write_history
from basrec.split import Examples

if TYPE_CHECKING:
    from basrec.generation import Generation


@dataclass(frozen=True)
class Fit:
    """What stays the same through the epochs; table (V + 1, D) holds the item vectors."""

    generation: Generation
    schedule: Schedule
    table: Tensor
    network: SequenceUNet
    adam: torch.optim.Adam


def fit_network(generation: Generation, schedule: Schedule, table: Tensor) -> SequenceUNet:
    """Train a network on vectors (V + 1, D) of the training parts' items."""
    config, progress = generation.job.config, Progress(STAGE)
    options = config.augmentation.diffuasr
    network = _new_network(generation, table.shape[1])
    adam = torch.optim.Adam(network.parameters(), lr=options.learning_rate, fused=True)
    fit = Fit(generation, schedule, table, network, adam)
    folder = generation.folder / "diffusion"
    folder.mkdir(exist_ok=True)
    path = folder / "checkpoint.pt"
    drop_foreign_checkpoint(path, generation.key)
    saved = load_checkpoint(path, generation.key)
    if saved:
        progress = saved[0]
        network.load_state_dict(saved[1])
        adam.load_state_dict(saved[2])
    saved_at = time.monotonic()
    while progress.epoch < options.epochs:
        progress.epoch += 1
        line = _run_epoch(fit, progress.epoch)
        progress.history.append(line)
        write_history(folder, progress.history)
        is_last = progress.epoch == options.epochs
        if is_last or time.monotonic() - saved_at >= config.train.checkpoint_seconds:
            save_checkpoint(path, generation.key, progress, network, adam)
            saved_at = time.monotonic()
        generation.on_epoch({**line, "epochs": options.epochs})
    return network.eval()


def _new_network(generation: Generation, size: int) -> SequenceUNet:
    """Make the network with fresh weights."""
    config, device = generation.job.config, generation.job.device
    options = config.augmentation
    with global_stream(stream_seed(config.seed, "weights", STAGE, 1), torch.device("cpu")):
        count = generation.job.augmenter.prior_count
        network = SequenceUNet(count, size, options.diffuasr.channels)
    return network.to(device)


def _run_epoch(fit: Fit, epoch: int) -> dict[str, Any]:
    """Go once through the training parts, giving the epoch's line of the history."""
    started, config = time.monotonic(), fit.generation.job.config
    stream = generator(config.seed, "generated", STAGE, epoch, fit.table.device)
    parts = training_parts(fit.generation.job.prepared, least=2)
    shuffle = generator(config.seed, "shuffle", STAGE, epoch)
    order = torch.randperm(len(parts), generator=shuffle)
    losses = []
    for rows in torch.split(order, config.augmentation.diffuasr.batch_size):
        loss = noise_loss(fit.network, fit.schedule, _draw(fit, parts.take(rows), stream), stream)
        fit.adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        fit.adam.step()
        losses.append(loss.detach())
    mean = float(torch.stack(losses).mean())
    if not math.isfinite(mean):
        raise MachineError(
            f"the loss of the diffusion is not finite in epoch {epoch}; lower "
            "augmentation.diffuasr.learning_rate"
        )
    seconds = round(time.monotonic() - started, 3)
    told = {"stage": STAGE, "epoch": epoch, "loss": mean, "losses": {"noise": mean}}
    return {**told, "validation": None, "best": False, "seconds": seconds}


def _draw(fit: Fit, parts: Examples, stream: torch.Generator) -> Samples:
    """Draw the samples of a batch, some without their condition where guidance asks for it."""
    job, options = fit.generation.job, fit.generation.job.config.augmentation
    most, count = job.config.model.max_length, job.augmenter.prior_count
    samples = draw_samples(fit.table, job.prepared, parts, count, most, stream)
    uniform = torch.rand(len(parts), generator=stream, device=fit.table.device)
    if options.diffuasr.guidance != "free":
        return samples
    left_out = uniform < options.diffuasr.unconditional
    return without_condition(samples, left_out, fit.network.absent)


def without_condition(samples: Samples, left_out: Tensor, absent: Tensor) -> Samples:
    """Put what stands for no condition (D,) where it is left out (B,)."""
    condition = torch.where(left_out.unsqueeze(1), absent, samples.condition)
    return Samples(samples.clean, samples.real, condition)


def noise_loss(
    network: SequenceUNet, schedule: Schedule, samples: Samples, stream: torch.Generator
) -> Tensor:
    """Noise the samples to random steps and give the mean square error of the noise predicted."""
    clean = samples.clean
    step = torch.randint(len(schedule.kept), (len(clean),), generator=stream, device=clean.device)
    noise = torch.randn(clean.shape, generator=stream, device=clean.device)
    predicted = network(schedule.noised(clean, noise, step), step, samples.condition)
    error = (predicted - noise).square().mean(-1)
    return (error * samples.real).sum() / samples.real.sum()
