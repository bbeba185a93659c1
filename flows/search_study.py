"""The trials of a search in Optuna's journal, a text file: open it, ask for points, go on.

Every trial's sampler is seeded by the trial's place, so that what comes out depends on the trials
before it and not on how often the search was killed.
"""

import random
import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, MedianPruner, NopPruner, PatientPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from basrec.files import digest_value
from flows.search_config import Pruner, Search
from flows.search_space import Dimension, Range
from pipeline.errors import InputError

SETTLES_NOTHING = {"name", "trials", "keep", "prepared"}
"""Keys of a search that may change when it goes on."""
Identity = dict[str, str]
"""Digests of what decides the outcome: the search, the data, the code and the machine."""


def open_study(folder: Path, search: Search, identity: Identity) -> optuna.Study:
    """Open the study of a search, or begin it.

    Errors: InputError where the journal is damaged, or belongs to something else.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    journal = folder / "study.log"
    _mend(journal)
    own = {**identity, "search": search_digest(search)}
    try:
        storage = JournalStorage(JournalFileBackend(str(journal)))
        study = optuna.create_study(
            storage=storage,
            study_name="search",
            direction="maximize",
            load_if_exists=True,
            pruner=build_pruner(search.pruner),
        )
        found = study.user_attrs.get("identity")
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as exc:
        raise InputError(f"{journal}: damaged ({exc}); remove {folder} to start afresh") from exc
    if found is None:
        study.set_user_attr("identity", own)
    elif found != own:
        told = found if isinstance(found, dict) else {}
        others = ", ".join(key for key in own if told.get(key) != own[key])
        raise InputError(
            f"{folder}: changed since it was begun: {others}; give this search another name, or "
            "remove the folder"
        )
    return study


def search_digest(search: Search) -> str:
    """Digest all of a search that decides what its trials are."""
    return digest_value(search.model_dump(mode="json", exclude=SETTLES_NOTHING))


def _mend(journal: Path) -> None:
    """Cut off a last line that was left half-written, and the lock of the process that left it."""
    journal.with_name(journal.name + ".lock").unlink(missing_ok=True)
    if journal.exists():
        text = journal.read_bytes()
        if not text.endswith(b"\n"):
            journal.write_bytes(text[: text.rfind(b"\n") + 1])


def build_pruner(options: Pruner | None) -> BasePruner:
    """Make the pruner; the warm-up is counted where the epochs are, in `Curve`."""
    if options is None:
        return NopPruner()
    median = MedianPruner(n_startup_trials=options.startup)
    return PatientPruner(median, options.patience) if options.patience else median


def settled(study: optuna.Study) -> list[FrozenTrial]:
    """Give the trials that will not be made again, in the order in which they were made."""
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state.is_finished() and "end" in trial.user_attrs]


def end_trial(
    study: optuna.Study, trial: optuna.Trial, state: TrialState, value: float | None
) -> FrozenTrial:
    """End a trial; the note before it tells this end from that of a process."""
    trial.set_user_attr("end", [state.name, value])
    return study.tell(trial, value, state=state)


def repeat_interrupted(study: optuna.Study) -> None:
    """Mark a trial that was under way as failed, and put its point in the queue again."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if "end" in trial.user_attrs:  # but for Optuna's own word it had come to its end
            name, value = trial.user_attrs["end"]
            study.tell(trial.number, value, state=TrialState[name])
            continue
        study.tell(trial.number, state=TrialState.FAIL)
        if "all" in trial.user_attrs:
            study.enqueue_trial(trial.params)


def ask(study: optuna.Study, search: Search, index: int) -> optuna.Trial:
    """Begin the trial of this place, counted from 0."""
    study.sampler = build_sampler(search, index)
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if search.sampler == "grid" and not waiting:
        study.enqueue_trial(search.grid_point(index))
    trial = study.ask({key: distribution(axis) for key, axis in search.space.items()})
    trial.set_user_attr("index", index)
    trial.set_user_attr("all", True)  # its point is whole, and may be made again
    return trial


def build_sampler(search: Search, index: int) -> BaseSampler:
    """Make the sampler of one trial; a grid's points are queued and not sampled."""
    seed = random.Random(f"{search.sampler_seed}/{index}").getrandbits(32)
    return TPESampler(seed=seed) if search.sampler == "tpe" else RandomSampler(seed=seed)


def distribution(axis: Dimension) -> BaseDistribution:
    """Give one dimension in Optuna's words."""
    if not isinstance(axis, Range):
        return CategoricalDistribution(axis)
    if axis.is_whole:
        step = int(axis.step or 1)
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log, step=step)
    return FloatDistribution(axis.low, axis.high, log=axis.log, step=axis.step)


def point_of(trial: optuna.Trial | FrozenTrial, search: Search) -> dict[str, Any]:
    """Give a trial's point, rounded where a step of a range has left the dust of a float."""
    point = {}
    for key, axis in search.space.items():
        value = trial.params[key]
        is_dusty = isinstance(axis, Range) and axis.step is not None and isinstance(value, float)
        point[key] = round(value, 12) if is_dusty else value
    return point


def best_first(study: optuna.Study) -> list[FrozenTrial]:
    """Give the trials that were trained to their end, without repeats; equals in their order."""
    done = [trial for trial in settled(study) if trial.state == TrialState.COMPLETE]
    own = [trial for trial in done if "same_as" not in trial.user_attrs]
    return sorted(own, key=lambda trial: (-(trial.value or 0.0), trial.user_attrs["index"]))
