"""One self-contained HTML page over finished runs: metrics, curves, passport, how to repeat it."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from pydantic import ValidationError

from basrec.analysis import similarity_rows
from basrec.analysis_figures import similarity_curves
from basrec.config import TrainConfig
from basrec.drift import drift_of
from basrec.errors import InputError
from basrec.evaluation import read_metrics
from basrec.figures import learning_curves, passport_plots
from basrec.files import machine_errors, read_json, write_whole
from basrec.passport_page import told_if_damaged
from basrec.presets import PRESETS, flatten
from basrec.results import METRICS, origin_of
from basrec.run_folder import read_config, read_history
from basrec.user_ranks import read_ranks

RULES = ("ranking", "split", "seen", "ties", "candidates")
"""What of a run's policy must agree for metrics to be compared."""
Rows = list[dict[str, Any]]


def metrics_table(runs: Sequence[Path], split: str = "test") -> Rows:
    """Give a row a run: its name and the metrics of a split."""
    names = run_names(runs)
    return [
        {"run": name, **read_metrics(run).get(split, {})}
        for name, run in zip(names, runs, strict=True)
    ]


def run_names(runs: Sequence[Path]) -> list[str]:
    """Name each run by its folder, or by its whole path where that tells no two apart."""
    names = [run.resolve().name for run in runs]
    return [
        name if names.count(name) == 1 else str(run) for name, run in zip(names, runs, strict=True)
    ]


def write_own_report(run: Path) -> Path:
    """Write a run's own page into its folder, unless one is there that is newer than the run."""
    page = run / "report.html"
    finished = run / "manifest.json"
    if page.exists() and page.stat().st_mtime_ns >= finished.stat().st_mtime_ns:
        return page
    return write_report([run], page, title=f"basrec: {run.resolve().name}")


def write_report(
    runs: Sequence[Path],
    out: Path,
    passport: dict[str, Any] | None = None,
    title: str = "basrec report",
    nights: Rows | None = None,
) -> Path:
    """Write the page; the first run is what the others are compared with.

    The passport is that of the first run's prepared folder where none is given; `nights` is the
    history of rebuilds, oldest first, for the plot of their drift.
    Errors: InputError where a run is not finished, or runs were measured under other splits.
    """
    if not runs:
        raise InputError("no runs to report on; name at least one run folder")
    runs = list(dict.fromkeys(runs))
    prepared = [read_config(run)[1] for run in runs]  # says plainly where a folder is no run
    if passport is None and (prepared[0] / "passport.json").is_file():
        passport = read_json(prepared[0] / "passport.json")
    if not isinstance(passport, dict) or "steps" not in passport:
        passport = None  # the runs are what the page is about
    _refuse_other_splits(runs)
    names = run_names(runs)
    histories = {name: read_history(run) for name, run in zip(names, runs, strict=True)}
    templates = Environment(loader=PackageLoader("basrec"), autoescape=True, trim_blocks=True)
    with told_if_damaged(prepared[0]):
        page = templates.get_template("report.html.j2").render(
            title=title,
            metrics=METRICS,
            splits={split: _judged(metrics_table(runs, split)) for split in ("test", "validation")},
            similarity=similarity_rows(histories),
            similarity_plot=Markup(similarity_curves(histories)),
            curves=[Markup(figure) for figure in learning_curves(histories)],  # our own, safe
            plots=[Markup(plot) for plot in passport_plots(passport)] if passport else [],
            passport=passport,
            runs=[
                facts_of(name, run, history)
                for run, (name, history) in zip(runs, histories.items(), strict=True)
            ],
            differences=_differences(runs),
            drift=drift_of(nights or []),
        )
    with machine_errors(f"{out}: writing the report"):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, lambda beside: beside.write_text(page, encoding="utf-8"))
    return out


def _refuse_other_splits(runs: Sequence[Path]) -> None:
    """Refuse to lay metrics side by side that were measured on other targets."""
    rules = [read_metrics(run).get("policy", {}).get("split") for run in runs]
    for run, rule in zip(runs, rules, strict=True):
        if rule != rules[0]:
            raise InputError(
                f"{run}: its split is {rule}, that of {runs[0]} is {rules[0]}: other targets, so "
                "the metrics cannot be compared; report on them one by one"
            )


def _judged(rows: Rows) -> Rows:
    """Mark the best value of each metric and give the gain over the first run."""
    best = {name: max((row.get(name, 0.0) for row in rows), default=0.0) for name in METRICS}
    judged = []
    for row in rows:
        cells = []
        for name in METRICS:
            value, first = row.get(name), rows[0].get(name)
            gain = None if row is rows[0] or not first or value is None else value / first - 1
            is_best = len(rows) > 1 and value == best[name]
            cells.append({"value": value, "is_best": is_best, "gain": gain})
        judged.append({"run": row["run"], "cells": cells})
    return judged


def facts_of(name: str, run: Path, history: Rows) -> dict[str, Any]:
    """Gather what it takes to repeat a run."""
    config, prepared = read_config(run)
    origin = origin_of(run) | {"config": config.model_dump(mode="json")}
    manifest = read_json(run / "manifest.json")
    command = command_of(prepared, run, config)
    return _facts(name, origin, history, prepared, command) | {
        "seconds": manifest["seconds"],
        "key": manifest["key"],
    }


def facts_told(
    name: str,
    origin: dict[str, Any],
    history: Rows,
    timing: dict[str, float],
    prepared: Path,
) -> dict[str, Any]:
    """Gather the same of a run that is gone, from what a sweep has kept of it.

    There is no command where this version of the code does not know the config any more.
    """
    try:
        config = TrainConfig.model_validate(origin["config"])
        run = Path("data/runs") / prepared.name / f"{config.method}-seed{config.seed}"
        command = command_of(prepared, run, config)
    except ValidationError:
        command = ""
    facts = _facts(name, origin, history, prepared, command)
    return facts | {"seconds": timing.get("seconds"), "key": ""}


def _facts(
    name: str, origin: dict[str, Any], history: Rows, prepared: Path, command: str
) -> dict[str, Any]:
    return {
        "name": name,
        "epochs": {stage: sum(line["stage"] == stage for line in history) for stage in (1, 2)},
        **origin,
        "prepared": str(prepared),
        "config": yaml.safe_dump(origin["config"], sort_keys=False),
        "command": command,
    }


def rules_of(policy: dict[str, Any]) -> str:
    """Give the rules of a run's policy, as text that is equal where they are."""
    return json.dumps({name: policy.get(name) for name in RULES}, sort_keys=True)


def damage_of(run: Path) -> str:
    """Say what of a finished run's folder cannot be read; empty where a report can read it all."""
    try:
        history = read_history(run)
        facts = facts_of(run.name, run, history)
        for told in (facts["policy"], facts["inputs"], facts["environment"]["versions"]):
            told.items()
        for line in history:
            float(line["losses"]["main"])
            (line["validation"] or {}).items()
        read_ranks(run, "test")
    except InputError as exc:
        return str(exc)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        return f"{run}: its files are not those of a finished run ({exc!r}); train it anew"
    return ""


def command_of(prepared: Path, run: Path, config: TrainConfig) -> str:
    """Give the command that trains a run anew, beside the run that there is.

    It names the preset, and each key that is not the preset's.
    """
    named = {"method": config.method, "preset": config.preset, "seed": config.seed}
    preset = flatten(TrainConfig.model_validate(PRESETS[config.preset] | named).model_dump())
    own = flatten(config.model_dump())
    parts = ["basrec", "train", str(_where_now(prepared, run)), "--out", str(anew(run))]
    for key, value in named.items():
        parts += [f"--{key}", str(value)]
    for key, value in own.items():
        if value != preset[key]:
            text = value if isinstance(value, str) else json.dumps(value)
            parts += ["--set", f"{key}={text}"]
    return shlex.join(parts)


def anew(run: Path) -> Path:
    """Give the place, beside a run, in which its command trains it anew."""
    return run.with_name(f"{run.name}-again")


def _where_now(prepared: Path, run: Path) -> Path:
    """Give the prepared folder, or that of its name in the data folder that holds the run now."""
    place = next((path for path in run.resolve().parents if path.name == "runs"), None)
    moved = place.with_name("prepared") / prepared.name if place else prepared
    return moved if moved.is_dir() and not prepared.is_dir() else prepared


def _differences(runs: Sequence[Path]) -> Rows:
    """List the config keys in which the runs differ."""
    flat = [flatten(read_config(run)[0].model_dump(mode="json")) for run in runs]
    keys = [key for key in flat[0] if len({repr(values.get(key)) for values in flat}) > 1]
    return [{"key": key, "values": [values.get(key) for values in flat]} for key in keys]
