"""What a sweep is asked for, by the command line or in the form of a deployment."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from flows.config import build, read_yaml
from flows.experiment import Cell, Experiment, cells, load_experiment, selected
from flows.folders import Folders
from flows.forms import Settings
from pipeline.errors import InputError

STATED = "experiment.yaml"
"""The experiment as it was resolved, in the folder of its results."""


class SweepRequest(BaseModel):
    """An experiment, what of it to train, and with what changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    experiment: str
    """A file (YAML) on the worker's machine, or one that is shipped: quick, table2 ... table6."""
    only: list[str] = []
    """Only these: KEY=VALUE with dataset, backbone, variant or seed; values by comma."""
    settings: Settings = {}
    """Config keys to change for all cells, except where a variant says otherwise."""
    jobs: Annotated[int, Field(ge=1)] | None = None
    """Trainings at once; left empty, as many as there are cores."""

    @property
    def name(self) -> str:
        """Name the request in a word."""
        return Path(self.experiment).stem

    def cells(self, data: Path) -> tuple[Experiment, list[Cell], list[Cell]]:
        """Give the experiment, its whole grid, and the cells of it that are wanted.

        Errors: InputError for what is wrong in the experiment or the request.
        """
        loaded = load_experiment(self.experiment, self.settings)
        grid = cells(loaded, data)
        return loaded, grid, selected(grid, self.only)


def is_prepared(name: str, data: Path) -> bool:
    """Tell whether a dataset is prepared, neighbours included for the sample."""
    prepared = Folders(data, name).prepared
    return (prepared / ("neighbours.parquet" if name == "sample" else "sequences.parquet")).exists()


def check_prepared(chosen: list[Cell], data: Path) -> None:
    """Refuse datasets that are not prepared; the sample is prepared by the sweep itself."""
    for name in dict.fromkeys(cell.dataset for cell in chosen):
        if name != "sample" and not is_prepared(name, data):
            where = "" if data == Path("data") else f" --data {data}"
            raise InputError(
                f"{Folders(data, name).prepared}: not prepared; run "
                f"'basrec run --dataset {name} --flow prepare --set raw=PATH{where}'"
            )


def check_same_experiment(experiment: Experiment, data: Path) -> None:
    """Refuse to put an experiment's results in the place of another's of the same name.

    It may grow: by data sets, backbones, variants and seeds.
    """
    folder = data / "sweeps" / experiment.name
    if not (folder / STATED).exists():
        return
    try:
        there = build(Experiment, read_yaml(folder / STATED))
        differ = _lost(there, experiment)
    except InputError:
        differ = ["all that can be read"]
    if differ:
        raise InputError(
            f"{folder}: holds another experiment of this name (other {', '.join(differ)}); give "
            "this one another 'name' in a file of its own, or delete that folder"
        )


def _lost(there: Experiment, experiment: Experiment) -> list[str]:
    """Name what the new experiment has no more, or has otherwise."""
    axes = ("datasets", "backbones", "seeds")
    lost = [
        name for name in axes if not set(getattr(there, name)) <= set(getattr(experiment, name))
    ]
    if any(experiment.variants.get(label) != variant for label, variant in there.variants.items()):
        lost.append("variants")
    return lost + ["settings"] * (there.settings != experiment.settings)


def default_jobs(chosen: list[Cell]) -> int:
    """Give as many processes as there are cores for their threads."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = max((cell.config.train.threads or cores or 1 for cell in chosen), default=1)
    return max(1, (cores or 1) // threads)
