"""Search: train the points of a space, choosing on validation only; pruned and resumable."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial, TrialState

import basrec.errors
import pipeline.errors
from basrec.files import digest_value, write_whole
from basrec.job import Job, open_job
from basrec.run_folder import code_digest
from flows.lock import alone, using
from flows.progress import OnEpoch
from flows.search_config import Search, config_at
from flows.search_results import write_best, write_search, write_table, write_trials
from flows.search_space import Point
from flows.search_study import (
    Identity,
    ask,
    best_first,
    end_trial,
    open_study,
    point_of,
    repeat_interrupted,
    settled,
)
from flows.search_trial import Curve, Places, Run, Training, mean_of, offset_of, remove_runs

REFUSED = (basrec.errors.InputError, pipeline.errors.InputError)
"""What is raised of a point whose config cannot work."""


MACHINE = (OSError, MemoryError, RuntimeError)
"""What the machine's failures come from, full disks and lack of memory; divergence has no cause."""


class View(Protocol):
    """Who is told how a search goes on."""

    def begin(self, index: int, point: Point, best: FrozenTrial | None) -> OnEpoch:
        """Take note of a trial that begins; give what is to be told its epochs."""

    def end(self, trial: FrozenTrial) -> None:
        """Take note of a trial that has ended."""


@dataclass(frozen=True)
class Outcome:
    """A search that is done, and the best of it."""

    study: optuna.Study
    search: Search
    places: Places


def places_of(search: Search, data: Path) -> Places:
    """Give a search's folders below the data folder."""
    prepared = search.prepared or data / "prepared" / str(search.dataset)
    runs = data / "runs" / search.name / "search"
    return Places(data / "searches" / search.name, runs, prepared)


def run_search(search: Search, data: Path, view: View) -> Outcome:
    """Make the trials that are not made yet, then measure the best one on the test split.

    Errors: InputError for a wrong space, data or folder, or where no trial came to an end.
    """
    places = places_of(search, data)
    job = _open_base(search, places)
    # No second process may take the trials of this one for dead.
    with using(data), alone(places.folder / "lock", f"search {search.name}"):
        study = open_study(places.folder, search, _identity(job))
        outcome = Outcome(study, search, places)
        write_search(places.folder, search)
        repeat_interrupted(study)
        while len(settled(study)) < search.num_trials:
            view.end(_make_trial(outcome, view))
            _tidy(outcome)
        _finish(outcome)
    return outcome


def _open_base(search: Search, places: Places) -> Job:
    """Check data and settings before any work, with nothing varied."""
    if not (places.prepared / "passport.json").exists():
        how = f"basrec run --dataset {search.dataset} --flow prepare"
        raise pipeline.errors.InputError(
            f"{places.prepared}: no prepared folder; make it first"
            + (f" ('{how}')" if search.dataset and not search.prepared else "")
        )
    return open_job(places.prepared, config_at(search, {}, search.seeds[0]))


def _identity(job: Job) -> Identity:
    """Say what a search's outcome depends on, besides itself."""
    digests = {f"data ({name})": digest for name, digest in job.prepared.digests.items()}
    machine = {"device": job.config.device, "kernels": job.config.kernels}
    settings = job.config.model_dump(mode="json", exclude={"device", "kernels"})
    code = {"settings": digest_value(settings), "version of the code": code_digest()}
    return {**digests, **machine, **code}


def _make_trial(outcome: Outcome, view: View) -> FrozenTrial:
    """Make the next trial and settle it: trained, given up, refused or diverged."""
    study, search = outcome.study, outcome.search
    index = len(settled(study))
    trial = ask(study, search, index)
    best = best_first(study)
    point = point_of(trial, search)
    on_epoch = view.begin(index, point, best[0] if best else None)
    state, value = TrialState.COMPLETE, None
    try:
        same = _earlier(outcome, point)
        if same:
            state, value = _repeat(trial, same)
        else:
            value = _train(outcome, trial, index, point, on_epoch)
    except optuna.TrialPruned as exc:
        state = TrialState.PRUNED
        trial.set_user_attr("told", str(exc))
    except (*REFUSED, basrec.errors.MachineError) as exc:
        if isinstance(exc.__cause__, MACHINE):
            raise  # the machine, and not the point, is at fault
        refused = isinstance(exc, REFUSED)
        state = TrialState.PRUNED if refused else TrialState.FAIL
        trial.set_user_attr("refused", refused)
        trial.set_user_attr("told", " ".join(str(exc).split()))
    return end_trial(study, trial, state, value)


def _earlier(outcome: Outcome, point: Point) -> FrozenTrial | None:
    """Give an earlier trial of the same point, which training again would only repeat."""
    for trial in settled(outcome.study):
        if point_of(trial, outcome.search) == point and "same_as" not in trial.user_attrs:
            return trial
    return None


def _repeat(trial: optuna.Trial, same: FrozenTrial) -> tuple[TrialState, float | None]:
    """Take over what an earlier trial of the same point has shown."""
    for step, value in same.intermediate_values.items():
        trial.report(value, step)
    trial.set_user_attr("same_as", same.user_attrs["index"])
    trial.set_user_attr("told", f"the same point as trial {same.user_attrs['index']}")
    return same.state, same.value if same.state == TrialState.COMPLETE else None


def _train(
    outcome: Outcome, trial: optuna.Trial, index: int, point: Point, on_epoch: OnEpoch
) -> float:
    """Train a trial's runs and give the mean of the metric over the seeds."""
    search, places = outcome.search, outcome.places
    config = config_at(search, point, search.seeds[0])
    curve = Curve(trial, search.metric, search.pruner, offset_of(config))
    runs = Training(search, places, curve, on_epoch).run_all(index, point)
    _note(trial, runs)
    return mean_of([run.validation for run in runs])[search.metric]


def _note(trial: optuna.Trial, runs: list[Run]) -> None:
    """Write down with the trial what outlives its run folders."""
    trial.set_user_attr("validation", mean_of([run.validation for run in runs]))
    trial.set_user_attr("seconds", round(sum(run.seconds for run in runs), 1))
    trial.set_user_attr("epochs", sum(run.epochs for run in runs))
    trial.set_user_attr("stage1", sorted({run.stage1_key for run in runs}))


def _tidy(outcome: Outcome) -> None:
    """Keep the runs of the best trials only, and bring the table of trials up to date."""
    search = outcome.search
    kept = {trial.user_attrs["index"] for trial in best_first(outcome.study)[: search.keep]}
    for trial in settled(outcome.study):
        index = trial.user_attrs["index"]
        if index not in kept:
            remove_runs(outcome.places, index, search.seeds)
    write_trials(outcome.places.folder, outcome.study, search)


def _drop_bases(places: Places, kept: list[FrozenTrial]) -> None:
    """Remove the base runs that no kept trial has begun from."""
    used = {places.stage1(key) for trial in kept for key in trial.user_attrs["stage1"]}
    for folder in places.runs.glob("stage1-*"):
        if folder not in used:
            shutil.rmtree(folder)


def _finish(outcome: Outcome) -> None:
    """Measure the best trial on the test split and write what came of the search."""
    _tidy(outcome)
    study, search, places = outcome.study, outcome.search, outcome.places
    best = best_first(study)
    if not best:
        told = settled(study)[0].user_attrs.get("told", "")
        raise pipeline.errors.InputError(
            f"no trial of {search.name} was trained to its end; the first: {told}"
        )
    point = point_of(best[0], search)
    _drop_bases(places, best[: search.keep])
    # Taken as they are where they are still there, trained again where they are not.
    runs = Training(search, places).run_all(best[0].user_attrs["index"], point)
    write_best(places.folder, search, places.prepared, point, runs)
    text = write_table(study, search, places.folder)
    write_whole(places.folder / "search.md", lambda beside: beside.write_text(text))
