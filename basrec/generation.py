"""The stage that generates items to put before each user's own, saved to be used again.

Its folder holds generated.parquet, config.yaml, manifest.json and, where a model was trained to be
trained on, model.safetensors. Equal keys mean equal items.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

from basrec.checkpoint import drop_foreign_checkpoint
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.files import (
    digest_file,
    digest_value,
    machine_errors,
    read_json,
    write_json,
    write_whole,
)
from basrec.job import Job, open_job
from basrec.prior import Generated
from basrec.prior_file import PRIOR_FILE, write_prior
from basrec.run_folder import (
    code_digest,
    find_finished,
    open_work_folder,
    publish,
    write_config,
)
from basrec.stages import OnEpoch

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Generation:
    """What a generating method works with; in `folder` it may keep checkpoints under `key`."""

    job: Job
    key: str
    folder: Path
    on_epoch: OnEpoch


def generate(
    prepared: Path,
    out: Path,
    config: TrainConfig,
    *,
    resume: bool | Literal["auto"] = False,
    on_epoch: OnEpoch | None = None,
) -> dict[str, Any]:
    """Generate items for a prepared folder and write the folder `out`; a finished one is reused.

    Errors: InputError for a wrong config or folder, or a method that generates nothing.
    """
    job = open_job(prepared, config)
    if not job.augmenter.has_prior:
        raise InputError(
            f"method {config.method} generates nothing before training; use it with 'basrec train'"
        )
    return run_generation(job, prepared, out, resume, on_epoch)


def run_generation(
    job: Job,
    prepared: Path,
    out: Path,
    resume: bool | Literal["auto"],
    on_epoch: OnEpoch | None,
) -> dict[str, Any]:
    """Do the work of `generate` for a job that is open."""
    key = generation_key(job)
    finished = find_finished(out, key)
    if finished:
        return finished
    started = time.monotonic()
    with machine_errors(f"{out}: writing generated items"):
        folder = open_work_folder(out, bool(resume))
        if resume == "auto":
            drop_foreign_checkpoint(folder / "checkpoint.pt", key)
        generation = Generation(job, key, folder, on_epoch or (lambda line: None))
        generated = job.augmenter.generate(generation)
        write_prior(folder, generated.prior)
        if generated.weights:
            weights = generated.weights
            write_whole(folder / WEIGHTS, lambda beside: save_file(weights, beside))
        write_config(folder, job.config, prepared)
        manifest = _write_manifest(folder, job, key, generated, time.monotonic() - started)
        publish(folder, out)
    return manifest


def generation_key(job: Job) -> str:
    """Digest all that decides what is generated."""
    whole = job.config.model_dump(mode="json")
    augmentation, method = whole["augmentation"], job.config.method
    told = {
        "method": method,
        "prior": [job.augmenter.prior_count, job.augmenter.prior_limit],
        "seed": job.config.seed,
        "data": _data_digests(job),
        "code": code_digest(),
    }
    if job.augmenter.learns_prior:
        left_out = ("stage1", "stage2", "checkpoint_seconds")
        told |= {
            "own": augmentation[method],
            "model": whole["model"],
            "train": {k: v for k, v in whole["train"].items() if k not in left_out},
            # What is learnt stops by the validation metrics.
            "evaluation": {k: v for k, v in whole["evaluation"].items() if k != "block_size"},
            **{name: whole[name] for name in ("device", "kernels")},
        }
    return digest_value(told)


def _data_digests(job: Job) -> dict[str, str]:
    """Give the digests of the data that generating reads."""
    return {k: v for k, v in job.prepared.digests.items() if k != "neighbours.parquet"}


def check_generated(job: Job, folder: Path) -> str:
    """Give the key of a folder of generated items, made from the job's data by its method.

    The other options may be others than the job's: items that one backbone has written may train
    another. Errors: InputError where it is no such folder, damaged, or of other data.
    """
    path = folder / "manifest.json"
    manifest = read_json(path) if path.is_file() else {}
    if not isinstance(manifest, dict) or manifest.get("stage") != "generate":
        raise InputError(f"{folder}: holds no generated items; make them with 'basrec generate'")
    for name, digest in manifest["outputs"].items():
        if not (folder / name).is_file() or digest_file(folder / name) != digest:
            raise InputError(f"{folder / name}: missing or damaged; generate it again")
    if manifest["method"] != job.config.method:
        raise InputError(
            f"{folder}: generated by method {manifest['method']}, not {job.config.method}; name "
            "that method, or generate with this one"
        )
    for name, digest in _data_digests(job).items():
        if manifest["inputs"].get(name) != digest:
            raise InputError(f"{folder}: generated from other data ({name} differs)")
    return str(manifest["key"])


def _write_manifest(
    folder: Path, job: Job, key: str, generated: Generated, seconds: float
) -> dict[str, Any]:
    counts = generated.prior.offsets.diff()
    names = [PRIOR_FILE, "config.yaml", *([WEIGHTS] if generated.weights else [])]
    manifest = {
        "stage": "generate",
        "key": key,
        "method": job.config.method,
        "inputs": job.prepared.digests,
        "outputs": {name: digest_file(folder / name) for name in names},
        "rows": {
            "users": int((counts > 0).sum()),
            "items": int(counts.sum()),
            "distinct_items": len(torch.unique(generated.prior.items)),
        },
        "seconds": round(seconds, 3),
    }
    write_json(folder / "manifest.json", manifest)
    return manifest | {"reused": False}
