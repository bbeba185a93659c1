"""Train: stage 1 on the main loss, stage 2 with BASRec from stage 1's best weights."""

from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

from basrec.augmentation import check_operators
from basrec.backbones import check_backbone
from basrec.checkpoint import (
    Progress,
    copy_weights,
    drop_foreign_checkpoint,
    load_checkpoint,
)
from basrec.config import TrainConfig
from basrec.devices import choose_device
from basrec.early_stopping import EarlyStopping
from basrec.errors import InputError
from basrec.evaluation import measure, read_metrics, read_weights, write_metrics
from basrec.files import machine_errors, write_whole
from basrec.kernels import Kernels, choose_kernels
from basrec.model import Recommender, build_recommender
from basrec.negatives import build_sampler
from basrec.objectives import basrec_objective, main_objective
from basrec.precision import check_precision
from basrec.prepared import read_prepared
from basrec.rivals import Contest
from basrec.rng import generator
from basrec.run_folder import (
    find_finished,
    open_work_folder,
    publish,
    read_history,
    run_keys,
    write_config,
    write_environment,
    write_history,
    write_manifest,
)
from basrec.split import HELD_OUT, examples_of
from basrec.stages import OnEpoch, Work, run_stage, save_progress


def train(
    prepared: Path,
    out: Path,
    config: TrainConfig,
    *,
    resume: bool | Literal["auto"] = False,
    start_from: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> dict[str, Any]:
    """Train a recommender on a prepared folder and write the run folder `out`.

    A finished run with the same config, data and code is reused. `resume` goes on from the
    checkpoint of a killed run, to the same result; "auto" starts afresh where there is none of this
    very run. `start_from` takes stage 1 from a finished run
    that has the same one. `on_epoch` is given every line of the history as it comes.
    Errors: InputError for a wrong call, config or folder; MachineError where the machine fails.
    """
    if config.train.threads:
        torch.set_num_threads(config.train.threads)
    check_backbone(config.model.backbone)
    device, kernels = choose_machine(config)
    told = {"device": device.type, "kernels": "compiled" if kernels else "plain"}
    config = config.model_copy(update=told)
    data = read_prepared(prepared).to(device)
    if config.method != "base":
        check_operators(config.augmentation.operators, "neighbours.parquet" in data.digests)
    keys = run_keys(config, data.digests)
    finished = find_finished(out, keys.run)
    if finished:
        return finished
    examples = examples_of(data, "train")
    if len(examples) == 0:
        raise InputError(
            f"{prepared}: no user has the interactions that training needs under the split "
            f"{data.split} (leave_one_out: 4)"
        )
    for split in HELD_OUT:
        if len(examples_of(data, split)) == 0:
            raise InputError(f"{prepared}: no {split} target under the split {data.split}")
    drawn = config.train.drawn_negatives > 0
    sampler = build_sampler(data, config.train.negatives, config.model.extra_ids, device, drawn)
    with machine_errors(f"{out}: writing the run folder"):
        folder = open_work_folder(out, bool(resume))
        if resume == "auto":
            drop_foreign_checkpoint(folder / "checkpoint.pt", keys.run)
        work = Work(
            config,
            keys,
            data,
            examples,
            sampler,
            device,
            kernels,
            folder,
            on_epoch or (lambda line: None),
        )
        write_config(folder, config, prepared)
        write_environment(folder, device)
        progress = _run_stages(work, start_from)
        manifest = write_manifest(folder, keys, config, data.digests, progress.seconds)
        publish(folder, out)
    return manifest


def choose_machine(config: TrainConfig) -> tuple[torch.device, Kernels | None]:
    """Give device and kernels that the config asks for, or refuse what this machine has not."""
    device = choose_device(config.device)
    check_precision(config.train.precision, device)
    return device, choose_kernels(config.kernels, device, config.train.precision)


def _run_stages(work: Work, start_from: Path | None) -> Progress:
    """Run what is left of both stages, then measure and save the result."""
    config = work.config
    weights = generator(config.seed, "weights")
    model = build_recommender(work.prepared.num_items, config.model, weights, work.kernels)
    model = model.to(work.device)
    progress = Progress(stopping=EarlyStopping(config.train.stage1.patience))
    saved = load_checkpoint(work.folder / "checkpoint.pt", work.keys.run)
    adam_state = None
    if saved:
        progress, state, adam_state = saved
        model.load_state_dict(state)
    elif start_from:
        _take_stage1(work, progress, model, start_from)
    adam = _new_adam(model, config)
    if adam_state:
        adam.load_state_dict(adam_state)
    contest = Contest.of(config.train, work.prepared, work.sampler)
    if progress.stage == 1:
        objective = main_objective(contest)
        run_stage(work, progress, model, adam, config.train.stage1, objective)
        if config.method != "base":
            _begin_stage2(work, progress, model)
            adam = _new_adam(model, config)  # the second stage starts afresh
            save_progress(work, progress, model, adam)
    if config.method != "base":
        objective = basrec_objective(work.prepared, config.augmentation, contest)
        run_stage(work, progress, model, adam, config.train.stage2, objective)
    save_progress(work, progress, model, adam)
    _save_result(work, progress, model)
    return progress


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
