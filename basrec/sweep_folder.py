"""Read what a sweep has left on disk: the experiment, a result a cell, and the cells' run folders.

A cell is a dataset, a backbone, a variant and a seed; a group is a cell without its seed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from basrec.errors import InputError
from basrec.evaluation import read_metrics
from basrec.presets import flatten
from basrec.report import damage_of, rules_of
from basrec.results import CELL, METRICS
from basrec.run_folder import read_config
from basrec.stated import EXPERIMENT, Stated, StatedVariant, compared_with, read_stated
from basrec.sweep_tables import Beside, read_beside, read_rows

Group = tuple[str, str, str]
"""Dataset, backbone, variant."""


@dataclass(frozen=True)
class Kind:
    """What the experiment says of a variant; `judging` is what its settings say of evaluation."""

    method: str
    preset: str
    judging: Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One training; `run` is its folder, if it is done and the folder is still there, and whole."""

    dataset: str
    backbone: str
    variant: str
    method: str
    preset: str
    seed: int
    is_done: bool
    message: str
    run: Path | None
    damage: str
    metrics: dict[str, dict[str, float]]
    timing: dict[str, float]
    similarity: dict[str, float]
    """To the originals, by kind of augmented samples, averaged over training."""
    history: list[dict[str, Any]]
    """Its learning curve, as far as history.csv tells it."""
    origin: dict[str, Any]
    """What it takes to repeat it, as far as origins.csv tells it: config, policy, and so on."""

    @property
    def group(self) -> Group:
        """What its seeds have in common."""
        return self.dataset, self.backbone, self.variant

    @property
    def rules(self) -> str | None:
        """The rules that it was judged by, as text; None where nothing tells them any more."""
        policy = self.origin.get("policy")
        if policy is None and self.run is not None:
            policy = read_metrics(self.run).get("policy", {})
        return None if policy is None else rules_of(policy)

    @property
    def config(self) -> dict[str, Any]:
        """Its whole config by dotted keys; empty where nothing tells it any more."""
        told = self.origin.get("config")
        if told is None and self.run is not None:
            told = read_config(self.run)[0].model_dump(mode="json")
        return flatten(told or {})

    @property
    def name(self) -> str:
        """How the cell is called on a page."""
        return f"{self.dataset}, {self.backbone}, {self.variant}, seed {self.seed}"


@dataclass(frozen=True)
class Sweep:
    """An experiment and its cells; the order of the names is that of the experiment."""

    folder: Path
    name: str
    title: str
    datasets: list[str]
    backbones: list[str]
    variants: list[str]
    kinds: dict[str, Kind]
    """By variant, of all that the experiment names, run or not."""
    seeds: list[int]
    baseline: str
    published: str | None
    metrics: list[str]
    cells: list[Cell]

    @property
    def groups(self) -> list[Group]:
        """All groups, dataset by dataset."""
        return [(d, b, v) for d in self.datasets for b in self.backbones for v in self.variants]

    def base_of(self, variant: str) -> str:
        """Give what a variant is compared with."""
        kinds = {name: (kind.method, kind.preset) for name, kind in self.kinds.items()}
        return compared_with(variant, self.baseline, kinds)

    def done(self, group: Group) -> list[Cell]:
        """Give the finished cells of a group, by seed."""
        found = [cell for cell in self.cells if cell.group == group and cell.is_done]
        return sorted(found, key=lambda cell: cell.seed)

    def values(self, group: Group, metric: str, split: str = "test") -> dict[int, float]:
        """Give a metric by seed, of the finished cells that have it."""
        told = {cell.seed: cell.metrics.get(split, {}).get(metric) for cell in self.done(group)}
        return {seed: value for seed, value in told.items() if value is not None}

    def array(self, group: Group, metric: str) -> np.ndarray:
        """Give a test metric (n,) over the seeds of a group."""
        return np.array(list(self.values(group, metric).values()))


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep's folder.

    Errors: InputError where a file is missing or is not what the folder promises.
    """
    rows, stated = read_rows(folder), read_stated(folder / EXPERIMENT)
    cells = _cells(folder, rows, read_beside(folder))
    variants = _names(stated.variants, (cell.variant for cell in cells))
    baseline = stated.baseline or variants[0]
    name = stated.name or folder.resolve().name
    if baseline not in variants:
        raise InputError(f"{folder / EXPERIMENT}: baseline {baseline!r} is none of the variants")
    return Sweep(
        folder=folder,
        name=name,
        title=stated.title or name,
        datasets=_names(stated.datasets, (cell.dataset for cell in cells)),
        backbones=_names(stated.backbones, (cell.backbone for cell in cells)),
        variants=variants,
        kinds={label: _kind(label, stated, cells) for label in variants},
        seeds=sorted({*stated.seeds, *(cell.seed for cell in cells)}),
        baseline=baseline,
        published=stated.published,
        metrics=stated.shown,
        cells=cells,
    )


def _kind(label: str, stated: Stated, cells: Sequence[Cell]) -> Kind:
    """Take what the experiment states of a variant, and what it leaves out from the results."""
    told = stated.variants.get(label, StatedVariant())
    cell = next((cell for cell in cells if cell.variant == label), None)
    method, preset = (cell.method, cell.preset) if cell else ("", "")
    return Kind(told.method or method, told.preset or preset, told.settings.evaluation)


def _names(stated: Iterable[str], found: Iterable[str]) -> list[str]:
    """Give the stated names in their order, then those that only the results have."""
    return list(dict.fromkeys([*stated, *found]))


def _cells(folder: Path, rows: Sequence[dict[str, Any]], beside: Beside) -> list[Cell]:
    """Gather the rows of each cell, one a split."""
    parts: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        parts.setdefault(tuple(str(row[name]) for name in CELL), []).append(row)
    return [_cell(folder, told, beside.get(key, {})) for key, told in parts.items()]


def _cell(folder: Path, rows: list[dict[str, Any]], beside: dict[str, Any]) -> Cell:
    first = rows[0]
    is_done = all(row["status"] == "done" for row in rows)
    run = _run_of(folder, first.get("run")) if is_done else None
    damage = damage_of(run) if run else ""
    return Cell(
        **{name: first[name] for name in ("dataset", "backbone", "variant", "method")},
        preset=str(first.get("preset") or ""),
        seed=int(first["seed"]),
        is_done=is_done,
        message=str(first.get("message") or ""),
        run=None if damage else run,
        damage=damage,
        metrics={row["split"]: _numbers(row) for row in rows} if is_done else {},
        timing=beside.get("timing", {}),
        similarity=beside.get("similarity", {}),
        history=beside.get("history", []),
        origin=beside.get("origin", {}),
    )


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    told = {name: row.get(name) for name in METRICS}
    return {name: v for name, v in told.items() if v is not None and not math.isnan(v)}


def data_of(folder: Path) -> Path:
    """Give the data folder of a sweep's folder: two above it."""
    return folder.resolve().parent.parent


def _run_of(folder: Path, told: str | None) -> Path | None:
    """Find a cell's run folder, named from the data folder."""
    if not told:
        return None
    place = data_of(folder) / told
    return place if (place / "config.yaml").is_file() else None
