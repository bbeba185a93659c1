"""Train a recommender on the training parts alone, for methods that generate with it.

It goes through the same loop as any run. Each training part's last item is its validation target,
so nothing here sees the held-out items of the run. Its lines are of stage 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from basrec.augmentation.augmenter import Augmenter
from basrec.augmentation.recipients import items_of, training_parts
from basrec.checkpoint import Progress, drop_foreign_checkpoint, load_checkpoint
from basrec.config import StageConfig
from basrec.early_stopping import EarlyStopping
from basrec.errors import InputError
from basrec.model import Recommender, build_recommender
from basrec.negatives import build_sampler
from basrec.plans import plan_of
from basrec.prepared import Bounds, Prepared
from basrec.rng import generator
from basrec.stages import Work, run_stage, save_progress

if TYPE_CHECKING:
    from basrec.generation import Generation

STAGE = 0
"""The number of what comes before a run's stages, in histories and random streams."""


def parts_alone(prepared: Prepared, backwards: bool = False) -> Prepared:
    """Give a dataset of the training parts, from left to right or from right to left.

    The last item of each, backwards the user's first, is the validation target; none is for test.
    """
    parts = training_parts(prepared)
    items, layout = items_of(prepared, parts)
    if backwards:
        mirrored = layout.offsets + layout.lengths - 1
        index = mirrored[layout.sequence] - layout.position
        items = items[index.to(items.device)]
    length = prepared.bounds.train.clamp(min=0)
    offsets = torch.cat([length.new_zeros(1), length.cumsum(0)])
    bounds = Bounds(length - 1, length)
    return replace(prepared, items=items, offsets=offsets, own_bounds=bounds, prior=None)


def check_parts(prepared: Prepared, method: str) -> None:
    """Refuse training parts of which none is long enough to train on.

    Errors: InputError.
    """
    if not bool((prepared.bounds.train >= 3).any()):
        raise InputError(
            f"method {method} pre-trains on training parts without their last item, and no user "
            "has 3 items there; take a larger dataset"
        )


def pretrain(generation: Generation, data: Prepared, stage: StageConfig) -> Recommender:
    """Train the run's recommender on a dataset, resumed from the checkpoint it left if killed."""
    work = _open_work(generation, data)
    job, path = generation.job, work.folder / "checkpoint.pt"
    stream = generator(job.config.seed, "weights")
    model = build_recommender(data.num_items, job.config.model, stream, job.kernels)
    drop_foreign_checkpoint(path, work.key)
    saved = load_checkpoint(path, work.key)
    progress = saved[0] if saved else Progress(STAGE, stopping=EarlyStopping(stage.patience))
    if saved:
        model.load_state_dict(saved[1])
    model.to(job.device)
    rate = job.config.train.learning_rate
    adam = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    if saved:
        adam.load_state_dict(saved[2])
    run_stage(work, progress, model, adam, stage, plan_of(Augmenter(job.config), work, model))
    save_progress(work, progress, model, adam)
    return model.eval()


def _open_work(generation: Generation, data: Prepared) -> Work:
    """Make the folder that keeps its history and checkpoint."""
    config, device = generation.job.config, generation.job.device
    train = config.train
    sampler = build_sampler(
        data, train.negatives, config.model.extra_ids, device, train.drawn_negatives > 0
    )
    folder = generation.folder / "pretraining"
    folder.mkdir(exist_ok=True)
    return Work(config, generation.key, data, sampler, device, folder, generation.on_epoch)
