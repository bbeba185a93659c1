"""What a sweep has to do: generations and base runs once each, then what builds on them."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import basrec.errors
from basrec.config import TrainConfig
from basrec.generation import generation_key
from basrec.job import Job, resolve_job
from basrec.prepared import Prepared, read_prepared
from basrec.run_folder import find_finished, run_keys
from flows.experiment import Cell
from flows.folders import Folders
from pipeline.errors import InputError

SHORT = 8
"""Digits of a key in a folder's name."""


@dataclass(frozen=True)
class Step:
    """One piece of work, known by the key of its result."""

    kind: Literal["generate", "train"]
    key: str
    name: str
    prepared: Path
    folder: Path
    config: TrainConfig
    start_from: Path | None = None
    generated: Path | None = None
    needs: str | None = None
    """The key of the step that must be done before."""

    def order(self, lock: Path) -> dict[str, Any]:
        """Give the order to the process that does it."""
        paths = {
            "prepared": self.prepared,
            "out": self.folder,
            "start_from": self.start_from,
            "generated": self.generated,
            "lock": lock / f"{self.key}.lock",
        }
        told = {name: str(path.resolve()) if path else None for name, path in paths.items()}
        return {"kind": self.kind, "config": self.config.model_dump(mode="json"), **told}


@dataclass(frozen=True)
class Plan:
    """All steps by key, what others need first; and the key of each cell's run."""

    steps: dict[str, Step]
    keys: dict[str, str]

    def run_of(self, cell: Cell) -> Step:
        """Give the step that trains a cell."""
        return self.steps[self.keys[cell.name]]

    def missing(self, chosen: Iterable[Cell]) -> list[Step]:
        """Give the steps to be done for these cells, in the order of the plan."""
        runs = {step.key: step for step in map(self.run_of, chosen)}
        wanted = {key for key, step in runs.items() if not is_finished(step)}
        needed = {self.steps[key].needs for key in wanted} - {None} - runs.keys()
        wanted |= {str(key) for key in needed if not is_finished(self.steps[str(key)])}
        return [step for key, step in self.steps.items() if key in wanted]

    def take_over(self, chosen: Sequence[Cell]) -> list[Step]:
        """Copy in what was made outside of sweeps, as by 'basrec run'; give the steps it spares."""
        taken = [step for step in map(self.run_of, chosen) if adopt(step)]
        return taken + [step for step in self.missing(chosen) if adopt(step)]  # what runs need


def plan(grid: Iterable[Cell], data: Path, chosen: Iterable[Cell] | None = None) -> Plan:
    """Find what each cell needs; equal work is planned once.

    Of cells beside the `chosen`, those that cannot be planned are left out.
    Errors: InputError where a chosen cell's dataset is not prepared, or lacks what a method reads.
    """
    asked = None if chosen is None else {cell.name for cell in chosen}
    first: dict[str, Step] = {}
    then: dict[str, Step] = {}
    keys: dict[str, str] = {}
    prepared: dict[str, Prepared] = {}
    for cell in grid:
        try:
            if cell.dataset not in prepared:
                prepared[cell.dataset] = read_prepared(Folders(data, cell.dataset).prepared)
            job = _job(cell, prepared[cell.dataset])
        except (basrec.errors.InputError, InputError):
            if asked is None or cell.name in asked:
                raise
            continue
        before = _before(cell, job, data)
        step = _train_step(cell.name, cell, job, data)
        keys[cell.name] = step.key
        if before is not None:
            first.setdefault(before.key, before)
            generated = before.folder if before.kind == "generate" else None
            base = None if generated else before.folder
            step = replace(step, needs=before.key, generated=generated, start_from=base)
        if cell.config.method == "base":
            hidden = step.key in first and first[step.key].name not in keys
            first[step.key] = step if hidden else first.get(step.key, step)
        else:
            then.setdefault(step.key, step)
    return Plan({**first, **then}, keys)


def _job(cell: Cell, prepared: Prepared) -> Job:
    """Resolve a cell's config for this machine, as training does."""
    try:
        return resolve_job(cell.config, prepared)
    except basrec.errors.InputError as exc:
        raise InputError(f"{cell.name}: {exc}") from exc


def _before(cell: Cell, job: Job, data: Path) -> Step | None:
    """Give the base run or the generation that a cell builds on, if any."""
    if job.augmenter.has_prior:
        key = generation_key(job)
        folder = data / "generated" / cell.dataset / "sweeps" / _folder_name(job.config, key)
        prepared = Folders(data, cell.dataset).prepared
        return Step("generate", key, f"items for {cell.name}", prepared, folder, cell.config)
    if job.augmenter.two_stages:
        base = cell.config.model_copy(update={"method": "base"})
        told = replace(job, config=job.config.model_copy(update={"method": "base"}))
        return _train_step(f"base for {cell.name}", replace(cell, config=base), told, data)
    return None


def _train_step(name: str, cell: Cell, job: Job, data: Path) -> Step:
    folders, key = Folders(data, cell.dataset), run_keys(job.config, job.prepared.digests).run
    folder = folders.runs / "sweeps" / _folder_name(job.config, key)
    return Step("train", key, name, folders.prepared, folder, cell.config)


def _folder_name(config: TrainConfig, key: str) -> str:
    return f"{config.method}-{config.model.backbone}-seed{config.seed}-{key[:SHORT]}"


def is_finished(step: Step) -> bool:
    """Tell whether a step's folder holds its result, whole."""
    return find_finished(step.folder, step.key) is not None


def made_elsewhere(step: Step) -> Path | None:
    """Find a run with the same key that was made outside of a sweep, where the sweep has none."""
    if step.kind != "train" or is_finished(step):
        return None
    runs = sorted(path.parent for path in step.folder.parent.parent.glob("*/manifest.json"))
    return next((run for run in runs if find_finished(run, step.key)), None)


def adopt(step: Step) -> bool:
    """Take over a run that was made elsewhere, if there is one."""
    run = made_elsewhere(step)
    if run is None:
        return False
    beside = step.folder.with_name(step.folder.name + ".copy")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(run, beside)
    shutil.rmtree(step.folder, ignore_errors=True)
    beside.rename(step.folder)
    return True
