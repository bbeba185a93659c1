"""How a metric answers to a setting: variants that differ in one number and in nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from basrec.statistics import Summary, difference_of, summarise
from basrec.sweep_folder import Group, Sweep

NOT_COMPARED = ("seed", "device", "kernels", "preset")
"""Keys that tell no two variants apart: what a preset changes has keys of its own."""
PLACES = {"augmentation.alpha": 0, "augmentation.rate": 1, "augmentation.mixes": 2}
"""What the paper studies comes first."""
Value = float | tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """How a metric changes with a key, on one data set and backbone; an interval is a pair.

    Everything is set against `reference`, the value of the variant that the experiment names first.
    """

    key: str
    dataset: str
    backbone: str
    metric: str
    reference: Value
    level: Summary
    """The metric at the reference, over its seeds."""
    points: list[tuple[Value, str, Summary]]
    """Value, variant, differences to the reference over the seeds that both have; by value."""


def sensitivity(sweep: Sweep, metric: str) -> list[Curve]:
    """Give a curve for every key and every set of variants that differ in its number alone."""
    found: dict[tuple[str, str, str, str], dict[Value, Group]] = {}
    for group, config in _configs(sweep).items():
        for key, value in config.items():
            number = _as_number(value)
            if number is None or not sweep.values(group, metric):
                continue
            others = repr([(k, v) for k, v in config.items() if k != key])
            found.setdefault((key, group[0], group[1], others), {}).setdefault(number, group)
    curves = [
        _curve(sweep, metric, key, told)
        for (key, *_), told in found.items()
        if len(told) > 1 and len({type(value) for value in told}) == 1
    ]
    curves = [curve for curve in curves if len(curve.points) > 1]
    return sorted(curves, key=lambda curve: PLACES.get(curve.key, len(PLACES)))


def _curve(sweep: Sweep, metric: str, key: str, told: dict[Value, Group]) -> Curve:
    """Pair each value's runs with those of the reference by seed; leave out what has no pair."""
    reference = next(iter(told))  # groups come in the order of the experiment
    base = sweep.values(told[reference], metric)
    points = []
    for value in sorted(told, key=as_interval):
        ours = sweep.values(told[value], metric)
        seeds = [seed for seed in ours if seed in base]
        if seeds:
            sides = (np.array([side[seed] for seed in seeds]) for side in (ours, base))
            points.append((value, told[value][2], summarise(difference_of(*sides))))
    dataset, backbone, _ = told[reference]
    level = summarise(np.array(list(base.values())))
    return Curve(key, dataset, backbone, metric, reference, level, points)


def as_interval(value: Value) -> tuple[float, float]:
    """Give what values are ordered by."""
    return value if isinstance(value, tuple) else (value, value)


def _configs(sweep: Sweep) -> dict[Group, dict[str, Any]]:
    """Give the flat config of each group, from the first of its runs of which it is told."""
    told = {}
    for group in sweep.groups:
        flat = next((cell.config for cell in sweep.done(group) if cell.config), {})
        if flat:
            told[group] = {k: v for k, v in flat.items() if k not in NOT_COMPARED}
    return told


def value_text(value: Value) -> str:
    """Write a value as figures do."""
    if isinstance(value, tuple):
        return f"{value[0]:g}\N{EN DASH}{value[1]:g}"
    return f"{value:g}"


def _as_number(value: Any) -> Value | None:
    """Take numbers, and pairs of numbers as intervals; nothing else has an order."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, Sequence) and len(value) == 2 and not isinstance(value, str):
        numbers = [_as_number(one) for one in value]
        if all(isinstance(one, float) for one in numbers):
            return (float(value[0]), float(value[1]))
    return None
