"""Checkpoints: all that a killed run needs to go on to the same result.

Random streams are keyed by epoch (see rng.py), so weights, optimiser and bookkeeping are enough.
Read back with weights_only: a checkpoint cannot run code.
"""

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from basrec.early_stopping import EarlyStopping
from basrec.errors import InputError, MachineError
from basrec.files import write_whole

Weights = dict[str, Tensor]


@dataclass
class Progress:
    """How far a run has come.

    `epoch` epochs of `stage` are done; `best` are the weights of the best validation of the
    stage so far; `stage1` holds the metrics of the first stage's result once it is over.
    """

    stage: int = 1
    epoch: int = 0
    stopping: EarlyStopping = field(default_factory=lambda: EarlyStopping(1))
    best: Weights | None = None
    stage1: dict[str, Any] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def copy_weights(model: torch.nn.Module) -> Weights:
    """Copy a model's weights to the host."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def save_checkpoint(
    path: Path, key: str, progress: Progress, model: torch.nn.Module, adam: torch.optim.Adam
) -> None:
    """Write a checkpoint whole."""
    values = {
        "key": key,
        "progress": {**vars(progress), "stopping": asdict(progress.stopping)},
        "model": copy_weights(model),
        "optimiser": adam.state_dict(),
    }
    try:
        write_whole(path, lambda beside: torch.save(values, beside))
    except RuntimeError as exc:  # torch.save's way to say that the disk is full
        raise MachineError(f"{path}: the checkpoint could not be written ({exc})") from exc


def load_checkpoint(path: Path, key: str) -> tuple[Progress, Weights, dict[str, Any]] | None:
    """Read progress, weights and optimiser state; None where there is no checkpoint.

    Errors: InputError where the file is damaged or belongs to another config, data or code.
    """
    if not path.exists():
        return None
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
        found, progress = values["key"], values["progress"]
    except (RuntimeError, pickle.UnpicklingError, KeyError, EOFError, OSError, TypeError) as exc:
        raise InputError(
            f"{path}: damaged checkpoint ({type(exc).__name__}); run again without --resume"
        ) from exc
    if found != key:
        raise InputError(
            f"{path}: was written with another config, data or code; run without --resume"
        )
    stopping = EarlyStopping(**progress.pop("stopping"))
    return Progress(stopping=stopping, **progress), values["model"], values["optimiser"]


def drop_foreign_checkpoint(path: Path, key: str) -> None:
    """Remove a checkpoint that is damaged or of another config, data or code."""
    try:
        load_checkpoint(path, key)
    except InputError:
        path.unlink()
