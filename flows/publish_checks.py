"""What is asked of a run before it is published: that it is whole, and no worse than the last."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import basrec.errors
import pipeline.errors
from basrec.evaluation import read_metrics
from basrec.files import read_json
from basrec.prepared import read_prepared
from basrec.run_folder import find_finished
from flows.publish_config import PublishConfig

Value = float | str | None
DATA = ("sequences.parquet", "items.parquet", "split")
"""What a run and a prepared folder must agree in for the one to tell of the other."""
TOLERANCE, MAX_SHRINK = "publish.tolerance", "publish.max_shrink"


@dataclass(frozen=True)
class Check:
    """One check: what was found, what was asked for, and whether that holds."""

    name: str
    value: Value
    limit: Value
    passed: bool
    told: str
    """What is wrong, in words; empty where it holds."""


def check_all(run: Path, prepared: Path, last: Path | None, options: PublishConfig) -> list[Check]:
    """Check a run and its prepared folder by themselves, then against the last version."""
    checks = [_check_run(run), _check_data(run, prepared)]
    if options.check_schema:
        checks.append(_check_schema(prepared))
    if last is None or not all(check.passed for check in checks):
        return checks
    checks += _check_counts(_core(prepared), _core(last / "prepared"), options)
    return checks + list(_check_metrics(read_metrics(run), read_metrics(last / "run"), options))


def _check_run(run: Path) -> Check:
    """Whether the run is finished and its files are as its manifest recorded."""
    try:
        key = read_json(run / "manifest.json")["key"]
        passed = find_finished(run, key) is not None
        told = "" if passed else f"{run}: files are not as its manifest recorded; train it again"
    except (basrec.errors.InputError, LookupError, TypeError) as exc:
        passed, told = False, f"{run}: not a finished run ({exc})"
    return Check("run", "whole" if passed else "damaged", "whole", passed, told)


def _check_data(run: Path, prepared: Path) -> Check:
    """Whether the run was trained on what the prepared folder holds."""
    name = "trained on this data"
    try:
        trained_on = read_json(run / "manifest.json")["inputs"]
        own = read_prepared(prepared).digests
    except (basrec.errors.InputError, LookupError, TypeError) as exc:
        return Check(name, "unknown", "yes", False, f"{prepared}: {exc}")
    others = [part for part in DATA if trained_on.get(part) != own.get(part)]
    told = f"{run}: trained on other data than {prepared} ({', '.join(others)}); train it again"
    return Check(name, "no" if others else "yes", "yes", not others, told if others else "")


def _check_schema(prepared: Path) -> Check:
    """Whether every file of the prepared folder is what it must be."""
    from pipeline.schemas import validate

    try:
        validate(prepared)
    except pipeline.errors.InputError as exc:
        return Check("schema", "wrong", "valid", False, str(exc))
    return Check("schema", "valid", "valid", True, "")


def _core(prepared: Path) -> dict[str, int]:
    return {
        name: int(count) for name, count in read_json(prepared / "passport.json")["core"].items()
    }


def _check_counts(own: dict[str, int], last: dict[str, int], options: PublishConfig) -> list[Check]:
    """Whether nothing has shrunk by more than it may."""
    return [
        _at_least(name, own[name], last[name], options.max_shrink, MAX_SHRINK)
        for name in ("users", "items", "interactions")
    ]


def _check_metrics(
    own: dict[str, Any], last: dict[str, Any], options: PublishConfig
) -> Iterator[Check]:
    """Whether no metric has fallen by more than it may, judged by the same rules."""
    rules, before = (_policy(metrics) for metrics in (own, last))
    if rules != before:
        if options.same_policy:
            told = (
                f"rules of evaluation differ from the last published ({rules}, not {before}), so "
                "that metrics cannot be compared; --set publish.same_policy=false passes over it"
            )
            yield Check("same policy", rules, before, False, told)
        return
    for split in options.splits:
        for metric in options.metrics:
            value, limit = (_value(metrics, split, metric) for metrics in (own, last))
            yield _at_least(f"{split} {metric}", value, limit, options.tolerance, TOLERANCE)


def _value(metrics: dict[str, Any], split: str, metric: str) -> float:
    return float(metrics.get(split, {}).get(metric, math.nan))


def _policy(metrics: dict[str, Any]) -> str:
    """Say by what rules metrics came about."""
    rules = metrics.get("policy", {}).items()
    return ", ".join(f"{name} {value}" for name, value in rules if name != "num_items")


def _at_least(name: str, value: float, last: float, share: float, key: str) -> Check:
    """Check that a number has not fallen below the last one by more than a share of it.

    What the last version does not have passes; what only this one lacks does not.
    """
    limit = last * (1 - share)
    passed = math.isnan(last) or value >= limit
    told = ""
    if not passed:
        fall = f"{1 - value / last:.1%} below" if value == value else "missing, unlike"
        told = f"{name} {value:g} is {fall} the last published {last:g} ({key} is {share:g})"
    return Check(name, _number(value), _number(limit), passed, told)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
