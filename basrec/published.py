"""The values that a paper prints, and ours beside them.

A table is a CSV with a value a row (backbone, method, dataset, metric, value), or with a column a
data set and no metric, which are similarities.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from basrec.errors import InputError
from basrec.statistics import Summary, prediction_interval, summarise
from basrec.sweep_folder import Group, Sweep

SIMILARITY = "similarity"
KINDS = {"BASRec-I": "single_sequence", "BASRec-O": "cross_sequence"}
"""Table 6 tells BASRec's kinds of samples apart, which are mixed at the encoder's input and its
output; this is how we read the two letters, which its caption leaves open."""
AS_PUBLISHED = {
    "sports": "Sports_and_Outdoors",
    "fmlp": "FMLP-Rec",
    "random": "Ran",
    "random_seq": "Ran-S",
    "sliding_window": "SW",
}
"""What the paper calls otherwise than we do; elsewhere case and signs alone may differ."""
SHOWN = {
    "gru4rec": "GRU4Rec",
    "nextitnet": "NextItNet",
    "sasrec": "SASRec",
    "fmlp": "FMLP-Rec",
    "beauty": "Beauty",
    "sports": "Sports",
    "yelp": "Yelp",
    "home": "Home",
    "sample": "Sample",
}
"""How tables print what has a name of its own."""
Values = dict[tuple[str, str, str, str], float]
"""By backbone ('' where none is told), method, dataset and metric, all plain."""


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


def shown(name: str) -> str:
    """Give a data set's or a backbone's name as tables print it."""
    return SHOWN.get(name, name)


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


def read_table(path: Path) -> Values:
    """Read a published table.

    Errors: InputError where it is missing or is not one.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {key: float(value) for row in rows for key, value in _entries(row)}
    except (OSError, KeyError, TypeError, ValueError) as exc:
        raise InputError(f"{path}: not a published table ({exc}); name table2 to table6") from exc


def _entries(row: dict[str, str]) -> list[tuple[tuple[str, str, str, str], str]]:
    if "value" in row:
        named = [_plain(row[name]) for name in ("backbone", "method", "dataset")]
        return [((named[0], named[1], named[2], row["metric"]), row["value"])]
    method = _plain(row["method"])
    metric = SIMILARITY
    if row["method"] in KINDS:
        method, metric = _plain("BASRec"), similarity_of(KINDS[row["method"]])
    columns = [(name, value) for name, value in row.items() if name != "method"]
    return [(("", method, _plain(name), metric), value) for name, value in columns]


def similarity_of(kind: str) -> str:
    """Name the similarity of one kind of augmented samples."""
    return f"{SIMILARITY} ({kind.replace('_', ' ')})"


def _look_up(values: Values, sweep: Sweep, group: Group, metric: str) -> float | None:
    """Find the value of a variant by its label, or by its method.

    By the latter where no other variant of its preset has it.
    """
    dataset, backbone = (_plain(AS_PUBLISHED.get(name, name)) for name in group[:2])
    own = sweep.kinds[group[2]]
    likes = [k for k in sweep.kinds.values() if (k.method, k.preset) == (own.method, own.preset)]
    names = [group[2]]
    if len(likes) == 1:
        names.append(own.method)
    for name in names:
        for where in (backbone, ""):
            key = (where, _plain(AS_PUBLISHED.get(name, name)), dataset, metric)
            if key in values:
                return values[key]
    return None


def _plain(name: str) -> str:
    """Leave letters and digits of a name, in lower case."""
    return "".join(sign for sign in name.lower() if sign.isalnum())


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
