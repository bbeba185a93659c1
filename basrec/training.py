"""Train: one stage, or stage 1 plain and stage 2 augmented from stage 1's best weights."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file

from basrec.augmentation import Augmenter
from basrec.checkpoint import (
    Progress,
    copy_weights,
    drop_foreign_checkpoint,
    load_checkpoint,
    restore,
)
from basrec.config import TrainConfig
from basrec.early_stopping import EarlyStopping
from basrec.errors import InputError
from basrec.evaluation import measure, read_metrics, read_weights, write_metrics
from basrec.files import machine_errors, write_whole
from basrec.generation import WEIGHTS, check_generated, generation_key, run_generation
from basrec.job import Job, open_job
from basrec.model import Recommender, build_recommender
from basrec.negatives import build_sampler
from basrec.plans import plan_of
from basrec.prior_file import with_prior
from basrec.rng import generator
from basrec.run_folder import (
    GENERATED,
    RunKeys,
    find_finished,
    open_work_folder,
    publish,
    read_config,
    read_history,
    run_keys,
    write_config,
    write_environment,
    write_history,
    write_manifest,
)
from basrec.stages import OnEpoch, Work, run_stage, save_progress


def train(
    prepared: Path,
    out: Path,
    config: TrainConfig,
    *,
    resume: bool | Literal["auto"] = False,
    start_from: Path | None = None,
    generated: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> dict[str, Any]:
    """Train a recommender on a prepared folder and write the run folder `out`.

    A finished run with the same config, data and code is reused. `resume` goes on from the
    checkpoint of a killed run, to the same result; "auto" starts afresh where there is none of this
    very run. `start_from` takes stage 1 from a finished run that has the same one. `generated` is
    a folder of 'basrec generate' with this method; without it a method that needs one makes it
    within the run. `on_epoch` is given every line of the history as it comes.
    Errors: InputError for a wrong call, config or folder; MachineError where the machine fails.
    """
    job = open_job(prepared, config)
    _check_call(job, start_from, generated)
    keys = run_keys(job.config, job.prepared.digests | _foreign(job, generated))
    finished = find_finished(out, keys.run)
    if finished:
        return finished
    with machine_errors(f"{out}: writing the run folder"):
        folder = open_work_folder(out, bool(resume))
        if resume == "auto":
            drop_foreign_checkpoint(folder / "checkpoint.pt", keys.run)
        if job.augmenter.has_prior:
            job = _with_generated(job, prepared, folder, generated, on_epoch)
        work = _work(job, keys, folder, on_epoch or (lambda line: None))
        write_config(folder, job.config, prepared)
        write_environment(folder, job.device)
        progress = _run_stages(job, work, start_from)
        inputs = job.prepared.digests
        manifest = write_manifest(folder, keys, job.config, inputs, progress.seconds)
        publish(folder, out)
    return manifest


def _check_call(job: Job, start_from: Path | None, generated: Path | None) -> None:
    """Refuse what the method would not read."""
    if start_from and not job.augmenter.two_stages:
        raise InputError(
            f"--start-from {start_from}: method {job.config.method} has no second stage here; "
            "leave it out"
        )
    if generated and not job.augmenter.has_prior:
        raise InputError(
            f"--generated {generated}: method {job.config.method} reads no generated items; "
            "leave it out"
        )


def _foreign(job: Job, generated: Path | None) -> dict[str, str]:
    """Give the key of generated items, where they are others than this job would generate."""
    key = check_generated(job, generated) if generated else None
    return {"generated": key} if key and key != generation_key(job) else {}


def _with_generated(
    job: Job, prepared: Path, folder: Path, generated: Path | None, on_epoch: OnEpoch | None
) -> Job:
    """Put generated items before the users' own, and keep them in the run."""
    place = folder / GENERATED
    if generated:
        shutil.copytree(generated, place, dirs_exist_ok=True)
    else:
        run_generation(job, prepared, place, "auto", on_epoch)
    return replace(job, prepared=with_prior(job.prepared, place))


def _work(job: Job, keys: RunKeys, folder: Path, on_epoch: OnEpoch) -> Work:
    config = job.config
    sampler = build_sampler(
        job.prepared,
        config.train.negatives,
        config.model.extra_ids,
        job.device,
        config.train.drawn_negatives > 0,
    )
    return Work(config, keys.run, job.prepared, sampler, job.device, folder, on_epoch)


def _run_stages(job: Job, work: Work, start_from: Path | None) -> Progress:
    """Run what is left of the stages, then measure and save the result."""
    config, augmenter = work.config, job.augmenter
    model = _new_model(job, work.folder)
    progress = Progress(stopping=EarlyStopping(config.train.stage1.patience))
    saved = load_checkpoint(work.folder / "checkpoint.pt", work.key)
    if saved:
        progress = saved[0]
    elif start_from:
        _take_stage1(work, progress, model, start_from)
    adam = _new_adam(model, config)
    if saved:
        restore(model, adam, saved, work.folder / "checkpoint.pt")
    if progress.stage == 1:
        first = Augmenter(config) if augmenter.two_stages else augmenter
        run_stage(work, progress, model, adam, config.train.stage1, plan_of(first, work, model))
        if augmenter.two_stages:
            _begin_stage2(work, progress, model)
            adam = _new_adam(model, config)  # the second stage starts afresh
            save_progress(work, progress, model, adam)
    if progress.stage == 2:
        run_stage(work, progress, model, adam, config.train.stage2, plan_of(augmenter, work, model))
    save_progress(work, progress, model, adam)
    _save_result(work, progress, model)
    return progress


def _new_model(job: Job, folder: Path) -> Recommender:
    """Make the model with fresh weights, or with those that the generating stage has trained.

    Items that another model has written come without its weights.
    """
    stream = generator(job.config.seed, "weights")
    model = build_recommender(job.prepared.num_items, job.config.model, stream, job.kernels)
    trained = folder / GENERATED
    has_weights = job.augmenter.has_prior and (trained / WEIGHTS).exists()
    if has_weights and read_config(trained)[0].model == job.config.model:
        model.load_state_dict(load_file(trained / WEIGHTS))
    return model.to(job.device)


def _new_adam(model: Recommender, config: TrainConfig) -> torch.optim.Adam:
    return torch.optim.Adam(model.parameters(), lr=config.train.learning_rate, fused=True)


def _take_stage1(work: Work, progress: Progress, model: Recommender, run: Path) -> None:
    """Take stage 1's weights and history from a finished base run."""
    manifest = find_finished(run, _base_key(work))
    if manifest is None:
        raise InputError(
            f"{run}: not a finished base run with this config, data and code; "
            "train it first with --method base, or leave out --start-from"
        )
    model.load_state_dict(read_weights(run))
    progress.history = read_history(run)
    progress.epoch = len(progress.history)
    progress.seconds = float(manifest["seconds"])
    # The base run has seen stage 1 to its end: nothing of it is left to train.
    progress.stopping.waited = progress.stopping.patience
    progress.stage1 = {k: v for k, v in read_metrics(run).items() if k in ("validation", "test")}


def _base_key(work: Work) -> str:
    base = work.config.model_copy(update={"method": "base"})
    return run_keys(base, work.prepared.digests).run


def _begin_stage2(work: Work, progress: Progress, model: Recommender) -> None:
    """Measure stage 1's result and start the second stage's bookkeeping."""
    evaluation = work.config.evaluation
    if progress.stage1 is None:
        progress.stage1 = {
            "validation": measure(model, work.prepared, "validation", evaluation),
            "test": measure(model, work.prepared, "test", evaluation),
        }
    progress.stage, progress.epoch, progress.best = 2, 0, None
    progress.stopping = EarlyStopping(work.config.train.stage2.patience)


def _save_result(work: Work, progress: Progress, model: Recommender) -> None:
    """Write weights, metrics and history of the finished run."""
    weights = copy_weights(model)
    write_whole(work.folder / "model.safetensors", lambda beside: save_file(weights, beside))
    write_metrics(work.folder, model, work.prepared, work.config, progress.stage1)
    write_history(work.folder, progress.history)
