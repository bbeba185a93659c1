"""One self-contained HTML page over finished runs: metrics, curves, passport, how to repeat it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from basrec.errors import InputError
from basrec.evaluation import read_metrics
from basrec.figures import core_rounds, learning_curves
from basrec.files import machine_errors, read_json, write_whole
from basrec.metrics import CUTS
from basrec.run_folder import read_config, read_history

METRICS = [*(f"HR@{k}" for k in CUTS), *(f"NDCG@{k}" for k in CUTS), "MRR"]
Rows = list[dict[str, Any]]


def metrics_table(runs: Sequence[Path], split: str = "test") -> Rows:
    """Give a row a run: its name and the metrics of a split."""
    return [{"run": run.name, **read_metrics(run).get(split, {})} for run in runs]


def write_report(
    runs: Sequence[Path],
    out: Path,
    passport: dict[str, Any] | None = None,
    title: str = "basrec report",
) -> Path:
    """Write the page; the first run is what the others are compared with.

    Errors: InputError where a run is not finished.
    """
    if not runs:
        raise InputError("no runs to report on; name at least one run folder")
    for run in runs:
        read_config(run)  # says plainly where a folder is no run
    histories = {run.name: read_history(run) for run in runs}
    templates = Environment(loader=PackageLoader("basrec"), autoescape=True, trim_blocks=True)
    page = templates.get_template("report.html.j2").render(
        title=title,
        metrics=METRICS,
        splits={split: _judged(metrics_table(runs, split)) for split in ("test", "validation")},
        curves=[Markup(figure) for figure in learning_curves(histories)],  # our own, safe
        rounds=Markup(core_rounds(passport["iterations"])) if passport else None,
        passport=passport,
        runs=[_facts(run, histories[run.name]) for run in runs],
        differences=_differences(runs),
    )
    with machine_errors(f"{out}: writing the report"):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, lambda beside: beside.write_text(page, encoding="utf-8"))
    return out


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


def _facts(run: Path, history: Rows) -> dict[str, Any]:
    """Gather what it takes to repeat a run."""
    config, prepared = read_config(run)
    manifest = read_json(run / "manifest.json")
    return {
        "name": run.name,
        "epochs": {s: sum(line["stage"] == s for line in history) for s in (1, 2)},
        "seconds": manifest["seconds"],
        "environment": read_json(run / "environment.json"),
        "policy": read_metrics(run)["policy"],
        "weights": manifest["outputs"]["model.safetensors"],
        "prepared": str(prepared),
        "config": yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False),
        "command": f"basrec train {prepared} --out {run} --method {config.method} "
        f"--preset {config.preset} --seed {config.seed}",
    }


def _differences(runs: Sequence[Path]) -> Rows:
    """List the config keys in which the runs differ."""
    flat = [_flatten(read_config(run)[0].model_dump(mode="json")) for run in runs]
    keys = [key for key in flat[0] if len({repr(values.get(key)) for values in flat}) > 1]
    return [{"key": key, "values": [values.get(key) for values in flat]} for key in keys]


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flatten(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat
