"""What a search leaves beside its journal: trials.csv, best.json, search.md."""

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from basrec.evaluation import read_metrics
from basrec.files import write_json, write_whole
from basrec.report import anew
from basrec.results import METRICS
from flows.search_config import Search, set_arguments
from flows.search_space import Point
from flows.search_study import best_first, point_of, settled
from flows.search_trial import Run, mean_of

ENOUGH_TRIALS = 10
"""Finished trials from which on importances are told."""


def state_of(trial: FrozenTrial) -> str:
    """Say in a word what became of a trial."""
    if "same_as" in trial.user_attrs:
        return "repeat"
    if trial.user_attrs.get("refused"):
        return "refused"
    names = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned"}
    return names.get(trial.state, "failed")


def write_search(folder: Path, search: Search) -> None:
    """Write the search with all its defaults."""
    text = yaml.safe_dump(search.model_dump(mode="json"), sort_keys=False)
    write_whole(folder / "search.yaml", lambda beside: beside.write_text(text))


def write_trials(folder: Path, study: optuna.Study, search: Search) -> None:
    """Write one row a trial: its point, what became of it, and its validation metrics."""
    head = ["trial", "state", *search.space, "value", "last_value", *METRICS]
    head += ["epochs", "seconds", "told"]

    def write(beside: Path) -> None:
        with beside.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(head)
            rows.writerows(_row(trial, search) for trial in settled(study))

    write_whole(folder / "trials.csv", write)


def _row(trial: FrozenTrial, search: Search) -> list[Any]:
    facts = trial.user_attrs
    value = trial.value if trial.state == TrialState.COMPLETE else None
    return [
        facts["index"],
        state_of(trial),
        *point_of(trial, search).values(),
        value,
        last_value(trial),
        *(facts.get("validation", {}).get(name) for name in METRICS),
        *(facts.get(name) for name in ("epochs", "seconds", "told")),
    ]


def last_value(trial: FrozenTrial) -> float | None:
    """Give the metric at the last epoch that a trial reported, wherever it ended."""
    return None if trial.last_step is None else trial.intermediate_values[trial.last_step]


def write_best(
    folder: Path, search: Search, prepared: Path, point: Point, runs: list[Run]
) -> dict[str, Any]:
    """Write best.json: the one place of a search where the test split is told."""
    seeds = [
        {
            "seed": run.seed,
            "run": str(run.folder),
            "command": command(search, prepared, point, run),
            "validation": run.validation,
            "test": read_metrics(run.folder)["test"],
        }
        for run in runs
    ]
    best = {
        "parameters": point,
        "chosen_by": f"validation {search.metric}",
        "validation": mean_of([run["validation"] for run in seeds]),
        "test": mean_of([run["test"] for run in seeds]),
        "run": seeds[0]["run"],
        "command": seeds[0]["command"],
        "seeds": seeds,
    }
    write_json(folder / "best.json", best)
    return best


def command(search: Search, prepared: Path, point: Point, run: Run) -> str:
    """Give the command that trains a run anew, beside where the search has put it."""
    words = ["basrec", "train", str(prepared), "--out", str(anew(run.folder))]
    words += ["--method", search.method, "--backbone", search.backbone, "--seed", str(run.seed)]
    words += ["--preset", search.preset] if search.preset else []
    words += ["--dataset", search.dataset] if search.dataset else []
    for change in set_arguments(search, point):
        words += ["--set", change]
    return shlex.join(words)


def importances(study: optuna.Study) -> dict[str, float]:
    """Tell by PED-ANOVA which parameters set the best trials apart; too few trials tell nothing."""
    done = [trial for trial in settled(study) if trial.state == TrialState.COMPLETE]
    if len(done) < ENOUGH_TRIALS or len({trial.value for trial in done}) == 1:
        return {}
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def top_rows(study: optuna.Study, search: Search, count: int = 10) -> list[list[str]]:
    """Give trial, value and point as text: of the best trials, then of those that were given up.

    One that was given up has the value of its last epoch, and that epoch.
    """
    pruned = [trial for trial in settled(study) if state_of(trial) == "pruned"]
    pruned.sort(key=lambda trial: -(last_value(trial) or 0.0))
    return [
        [str(trial.user_attrs["index"]), _value_text(trial), *map(json.dumps, point.values())]
        for trial in [*best_first(study), *pruned][:count]
        for point in [point_of(trial, search)]
    ]


def _value_text(trial: FrozenTrial) -> str:
    if trial.state == TrialState.COMPLETE:
        return f"{trial.value:.5f}"
    last, told = last_value(trial), trial.user_attrs.get("told", "")
    return told if last is None else f"{last:.5f}, {told}"


def write_table(study: optuna.Study, search: Search, folder: Path) -> str:
    """Give search.md: how many trials ended how, the first ten, and what mattered."""
    states = [state_of(trial) for trial in settled(study)]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    head = ["trial", f"validation {search.metric}", *search.space]
    lines = [f"# {search.name}", "", f"{len(states)} trials: {counts}.", ""]
    lines += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in top_rows(study, search)]
    told = importances(study)
    if told:
        lines += ["", "| parameter | importance (PED-ANOVA) |", "|---|---|"]
        lines += [f"| {key} | {value:.3f} |" for key, value in told.items()]
    best = json.loads((folder / "best.json").read_text())
    test = best["test"][search.metric]
    lines += ["", f"Test {search.metric} of the best: {test:.5f}. Again:", ""]
    lines += ["```", *(run["command"] for run in best["seeds"]), "```"]
    return "\n".join(lines) + "\n"
