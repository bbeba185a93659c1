"""One trial of a search: from a point to the runs that it stands for, and their validation."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna

from basrec.config import TrainConfig
from basrec.evaluation import read_metrics
from basrec.job import Job, open_job
from basrec.run_folder import read_history, run_keys
from basrec.training import train
from flows.progress import OnEpoch
from flows.search_config import Pruner, Search, config_at
from flows.search_space import Point

LEFTOVERS = ("", ".partial", ".old")
"""What a run folder's name may end in, while it is made and after."""


@dataclass(frozen=True)
class Places:
    """Where a search lies: what it tells, and what it trains."""

    folder: Path
    runs: Path
    prepared: Path

    def run(self, index: int, seed: int, seeds: tuple[int, ...]) -> Path:
        """Give the run folder of a trial, counted from 0, and one of the search's seeds."""
        name = f"trial-{index:04d}"
        return self.runs / (name if len(seeds) == 1 else f"{name}-seed{seed}")

    def stage1(self, key: str) -> Path:
        """Give the base run that all trials with this key of stage 1 begin from."""
        return self.runs / f"stage1-{key[:12]}"


@dataclass
class Curve:
    """What a trial reports of its epochs: each validation once, and when to give up."""

    trial: optuna.Trial
    metric: str
    pruner: Pruner | None
    offset: int
    """Epochs before the second stage: the most that the first may take."""
    steps: set[int] = field(default_factory=set)

    def read(self, run: Path, latest: dict[str, Any] | None = None) -> None:
        """Report what is new in a run's history, also what a killed process did not get to.

        `latest` is the epoch that was just told; where the history does not end with it, it is
        not one of this run's (a method's generator has epochs too), and nothing is reported.
        A step is an epoch counted over both stages, the second from the same step in every trial.
        Errors: TrialPruned where the trial falls behind.
        """
        lines = read_history(run) if (run / "history.jsonl").exists() else []
        if latest is not None and lines[-1:] != [latest]:
            return
        for line in lines:
            step = line["epoch"] + (self.offset if line["stage"] == 2 else 0)
            if line["validation"] is None or step in self.steps:
                continue
            self.steps.add(step)
            self.trial.report(line["validation"][self.metric], step)
            is_early = self.pruner is None or line["epoch"] <= self.pruner.warmup
            if not is_early and self.trial.should_prune():
                stage, epoch = line["stage"], line["epoch"]
                raise optuna.TrialPruned(f"given up in stage {stage}, epoch {epoch}")


@dataclass(frozen=True)
class Run:
    """One finished run of a trial."""

    seed: int
    folder: Path
    validation: dict[str, float]
    seconds: float
    epochs: int
    stage1_key: str


@dataclass(frozen=True)
class Training:
    """Trains the runs of one trial."""

    search: Search
    places: Places
    curve: Curve | None = None
    on_epoch: OnEpoch | None = None

    def run_all(self, index: int, point: Point) -> list[Run]:
        """Train with each seed; the first seed's curve decides whether to go on.

        Errors: InputError where the point's config cannot work, before any work.
        """
        configs = [config_at(self.search, point, seed) for seed in self.search.seeds]
        jobs = [open_job(self.places.prepared, config) for config in configs]
        return [
            self._run(job, index, job.config.seed, self.curve if place == 0 else None)
            for place, job in enumerate(jobs)
        ]

    def _run(self, job: Job, index: int, seed: int, curve: Curve | None) -> Run:
        out = self.places.run(index, seed, self.search.seeds)
        key = run_keys(job.config, job.prepared.digests).stage1
        base = self.places.stage1(key) if job.augmenter.two_stages else None
        if base:
            first = job.config.model_copy(update={"method": "base"})
            self._train(first, base, None, curve)
        manifest = self._train(job.config, out, base, curve)
        validation = read_metrics(out)["validation"]
        epochs = len(read_history(out))
        return Run(seed, out, validation, manifest["seconds"], epochs, key)

    def _train(
        self, config: TrainConfig, out: Path, base: Path | None, curve: Curve | None
    ) -> dict[str, Any]:
        """Train one run, or take it as it is; either way the curve sees all of it."""
        work = out.with_name(out.name + ".partial")

        def watch(line: dict[str, Any]) -> None:
            if self.on_epoch:
                self.on_epoch(line)
            if curve:
                curve.read(work, {name: told for name, told in line.items() if name != "epochs"})

        manifest = train(
            self.places.prepared, out, config, resume="auto", start_from=base, on_epoch=watch
        )
        if curve:
            curve.read(out)
        return manifest


def offset_of(config: TrainConfig) -> int:
    """Give the step after which the second stage is counted."""
    return config.train.stage1.epochs


def mean_of(runs: list[dict[str, float]]) -> dict[str, float]:
    """Average each metric over the seeds."""
    return {name: fmean(run[name] for run in runs) for name in runs[0]}


def remove_runs(places: Places, index: int, seeds: tuple[int, ...]) -> None:
    """Remove all that a trial has left of its runs."""
    for seed in seeds:
        run = places.run(index, seed, seeds)
        for end in LEFTOVERS:
            shutil.rmtree(run.with_name(run.name + end), ignore_errors=True)
