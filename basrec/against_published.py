"""Our means beside the values that a paper prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from basrec.published import (
    AS_PUBLISHED,
    KINDS,
    SIMILARITY,
    Values,
    plain,
    read_table,
    similarity_of,
)
from basrec.statistics import Summary, prediction_interval, summarise
from basrec.sweep_folder import Group, Sweep


@dataclass(frozen=True)
class Beside:
    """One of our means beside the published value; `is_within` our 95 % interval, if there is one.

    `ours` is None where the sweep has no value yet.
    """

    group: Group
    metric: str
    published: float
    ours: Summary | None

    @property
    def difference(self) -> float | None:
        """Ours less the published."""
        return None if self.ours is None else self.ours.mean - self.published

    @property
    def is_within(self) -> bool | None:
        """Whether the published value lies in the 95 % interval of our seeds."""
        if self.ours is None or self.ours.low is None or self.ours.high is None:
            return None
        return self.ours.low <= self.published <= self.ours.high

    @property
    def is_like_a_run(self) -> bool | None:
        """Whether one more run of ours would come to the published value, at 95 %."""
        told = prediction_interval(self.ours) if self.ours else None
        return None if told is None else told[0] <= self.published <= told[1]

    def as_data(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        dataset, backbone, variant = self.group
        names = {"dataset": dataset, "backbone": backbone, "variant": variant}
        return {
            **names,
            "metric": self.metric,
            "published": self.published,
            "ours": self.ours.__dict__ if self.ours else None,
            "difference": self.difference,
            "is_within": self.is_within,
            "is_like_a_run": self.is_like_a_run,
        }


def beside_published(sweep: Sweep, tables: Path) -> list[Beside]:
    """Put our test means beside the table that the experiment names; `tables` holds them.

    Errors: InputError where there is no such table, or it is not one.
    """
    if not sweep.published:
        return []
    values = read_table(tables / f"{Path(sweep.published).stem}.csv")
    metrics = [*sweep.metrics, SIMILARITY, *map(similarity_of, KINDS.values())]
    found = [(group, metric) for group in sweep.groups for metric in metrics]
    return [
        Beside(group, metric, value, _ours(sweep, group, metric))
        for group, metric in found
        if (value := _look_up(values, sweep, group, metric)) is not None
    ]


def _look_up(values: Values, sweep: Sweep, group: Group, metric: str) -> float | None:
    """Find the value of a variant by its label, or by its method.

    By the latter where no other variant of its preset has it.
    """
    dataset, backbone = (plain(AS_PUBLISHED.get(name, name)) for name in group[:2])
    own = sweep.kinds[group[2]]
    likes = [k for k in sweep.kinds.values() if (k.method, k.preset) == (own.method, own.preset)]
    names = [group[2]]
    if len(likes) == 1:
        names.append(own.method)
    for name in names:
        for where in (backbone, ""):
            key = (where, plain(AS_PUBLISHED.get(name, name)), dataset, metric)
            if key in values:
                return values[key]
    return None


def _ours(sweep: Sweep, group: Group, metric: str) -> Summary | None:
    is_similarity = metric.startswith(SIMILARITY)
    values = similarities(sweep, group, metric) if is_similarity else sweep.array(group, metric)
    return summarise(values) if len(values) else None


def similarities(sweep: Sweep, group: Group, metric: str) -> np.ndarray:
    """Give each seed's similarity (n,) over training: of a kind, or the mean over all kinds."""
    told = [
        {similarity_of(kind): value for kind, value in cell.similarity.items()}
        | {SIMILARITY: cell.similarity.get("mean", next(iter(cell.similarity.values())))}
        for cell in sweep.done(group)
        if cell.similarity
    ]
    return np.array([one[metric] for one in told if metric in one])
