"""Checkpoints: all that a killed run needs to go on to the same result.

Random streams are keyed by epoch (see rng.py), so weights, optimiser and bookkeeping are enough.
A file ends with the SHA-256 of all before it, so that it is whole or known to be damaged; the one
before it is kept beside it. Read back with weights_only: a checkpoint cannot run code.
"""

import hashlib
import logging
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from basrec.early_stopping import EarlyStopping
from basrec.errors import InputError, MachineError
from basrec.files import digest_file, write_whole

log = logging.getLogger(__name__)
Weights = dict[str, Tensor]
UNREADABLE = (
    *(RuntimeError, pickle.UnpicklingError, LookupError),
    *(EOFError, OSError, TypeError, ValueError, AttributeError),
)
"""What reading a file raises that is no checkpoint."""
DIGEST_BYTES = hashlib.sha256().digest_size
BEFORE = "checkpoint.before.pt"
"""The checkpoint before the last one, used where that is damaged."""


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


Saved = tuple[Progress, Weights, dict[str, Any]]
"""Progress, weights and optimiser state."""


class _Unusable(Exception):
    """No checkpoint to go on from, and why."""


class _Damaged(_Unusable):
    """A file is not as it was written."""


def copy_weights(model: torch.nn.Module) -> Weights:
    """Copy a model's weights to the host."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def save_checkpoint(
    path: Path, key: str, progress: Progress, model: torch.nn.Module, adam: torch.optim.Adam
) -> None:
    """Write a checkpoint whole, and keep the one before."""
    values = {
        "key": key,
        "progress": {**vars(progress), "stopping": asdict(progress.stopping)},
        "model": copy_weights(model),
        "optimiser": adam.state_dict(),
    }

    def write(beside: Path) -> None:
        torch.save(values, beside)
        digest = bytes.fromhex(digest_file(beside))
        with beside.open("ab") as file:
            file.write(digest)

    try:
        write_whole(path, write, path.with_name(BEFORE))
    except RuntimeError as exc:  # torch.save's way to say that the disk is full
        raise MachineError(
            f"{path}: the checkpoint could not be written; is the disk full?"
        ) from exc


def load_checkpoint(path: Path, key: str) -> Saved | None:
    """Read the last good checkpoint; None where there is none at all.

    Where the last one is damaged, the one before takes its place, with a warning.
    Errors: InputError where all are damaged, or it belongs to another config, data or code.
    """
    try:
        return _last_good(path, key)
    except _Unusable as exc:
        raise InputError(f"{exc}; run again without --resume") from exc


def drop_foreign_checkpoint(path: Path, key: str) -> None:
    """Remove checkpoints that are damaged or of another config, data or code, with a warning."""
    try:
        _last_good(path, key)
    except _Unusable as exc:
        log.warning("%s; the training starts afresh", exc)
        for file in (path, path.with_name(BEFORE)):
            file.unlink(missing_ok=True)


def _last_good(path: Path, key: str) -> Saved | None:
    """Read a checkpoint, or the one before where it is damaged or a kill fell between renames."""
    before, damage = path.with_name(BEFORE), None
    for file in (path, before):
        if not file.exists():
            continue
        try:
            saved = _read(file, key)
        except _Damaged as exc:
            damage = damage or exc
            continue
        if file is before:
            before.replace(path)  # or the next checkpoint would put the damaged one in its place
        if damage:
            at = f"stage {saved[0].stage}, epoch {saved[0].epoch}"
            log.warning("%s; going on from the one before it, of %s", damage, at)
        return saved
    if damage:
        raise damage
    return None


def _read(path: Path, key: str) -> Saved:
    """Read one file. Errors: _Damaged where it is; _Unusable where it is of another key."""
    try:
        content = np.memmap(path, dtype=np.uint8, mode="r")
        digest = hashlib.sha256(content[:-DIGEST_BYTES].data).digest()
        if digest != content[-DIGEST_BYTES:].tobytes():
            raise _Damaged(f"{path}: damaged checkpoint (its checksum does not fit)")
        values = torch.load(path, map_location="cpu", weights_only=True)
        if values["key"] != key:
            raise _Unusable(f"{path}: was written with another config, data or code")
        progress = values["progress"]
        stopping = EarlyStopping(**progress.pop("stopping"))
        told = Progress(stopping=stopping, **progress)
        _check(told)
        return told, values["model"], values["optimiser"]
    except UNREADABLE as exc:
        raise _Damaged(f"{path}: damaged checkpoint ({type(exc).__name__})") from exc


def restore(model: torch.nn.Module, adam: torch.optim.Adam, saved: Saved, path: Path) -> None:
    """Put saved weights and optimiser state in place.

    Errors: InputError where they are of another model.
    """
    try:
        model.load_state_dict(saved[1])
        adam.load_state_dict(saved[2])
        for parameter in model.parameters():
            for value in adam.state.get(parameter, {}).values():
                if value.dim() and value.shape != parameter.shape:
                    raise ValueError("the optimiser's state is of another shape")
        best, own = saved[0].best, model.state_dict()
        if best is not None and _shapes(best) != _shapes(own):
            raise ValueError("the best weights are of another shape")
    except UNREADABLE as exc:
        told = " ".join(str(exc).split())[:200]
        raise InputError(
            f"{path}: does not fit the model ({told}); run again without --resume"
        ) from exc


def _shapes(weights: Weights) -> dict[str, torch.Size]:
    """Give the shape of each weight by its name."""
    return {name: value.shape for name, value in weights.items()}


def _check(progress: Progress) -> None:
    """Refuse what a checkpoint of ours does not hold. Errors: TypeError."""
    numbers = (progress.stage, progress.epoch, progress.stopping.patience, progress.stopping.waited)
    is_ours = (
        all(type(number) is int for number in numbers)
        and isinstance(progress.seconds, (int, float))
        and isinstance(progress.history, list)
        and all(isinstance(line, dict) for line in progress.history)
        and isinstance(progress.stage1, (dict, type(None)))
        and isinstance(progress.best, (dict, type(None)))
    )
    if not is_ours:
        raise TypeError("values of other types than were written")
