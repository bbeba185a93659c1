"""How a metric answers to a setting: variants that differ in one number and in nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from basrec.presets import flatten
from basrec.run_folder import read_config
from basrec.statistics import Summary, summarise
from basrec.sweep_folder import Group, Sweep

NOT_COMPARED = ("seed", "device", "kernels", "preset")
"""Keys that tell no two variants apart: what a preset changes has keys of its own."""
PLACES = {"augmentation.alpha": 0, "augmentation.rate": 1, "augmentation.mixes": 2}
"""What the paper studies comes first."""
Value = float | tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """A metric over the values of a key, on one data set and backbone; an interval is a pair."""

    key: str
    dataset: str
    backbone: str
    metric: str
    points: list[tuple[Value, str, Summary]]
    """Value, variant, metric over seeds; by value."""


def sensitivity(sweep: Sweep, metric: str) -> list[Curve]:
    """Give a curve for every key and every set of variants that differ in its number alone."""
    found: dict[tuple[Any, ...], dict[Value, tuple[str, Summary]]] = {}
    for group, config in _configs(sweep).items():
        values = sweep.array(group, metric)
        for key, value in config.items():
            number = _as_number(value)
            if number is None or not len(values):
                continue
            others = repr([(k, v) for k, v in config.items() if k != key])
            place = (key, group[0], group[1], others)
            found.setdefault(place, {})[number] = (group[2], summarise(values))
    curves = [
        Curve(key, dataset, backbone, metric, _sorted(told))
        for (key, dataset, backbone, _), told in found.items()
        if len(told) > 1 and len({type(value) for value in told}) == 1
    ]
    return sorted(curves, key=lambda curve: PLACES.get(curve.key, len(PLACES)))


def _sorted(told: dict[Value, tuple[str, Summary]]) -> list[tuple[Value, str, Summary]]:
    """Order by value; intervals by their ends."""
    return [(value, *told[value]) for value in sorted(told, key=as_interval)]


def as_interval(value: Value) -> tuple[float, float]:
    """Give what values are ordered by."""
    return value if isinstance(value, tuple) else (value, value)


def _configs(sweep: Sweep) -> dict[Group, dict[str, Any]]:
    """Give the flat config of each group, from the first of its runs that is there."""
    told = {}
    for group in sweep.groups:
        runs = [cell.run for cell in sweep.done(group) if cell.run is not None]
        if runs:
            flat = flatten(read_config(runs[0])[0].model_dump(mode="json"))
            told[group] = {k: v for k, v in flat.items() if k not in NOT_COMPARED}
    return told


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
