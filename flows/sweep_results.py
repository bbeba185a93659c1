"""The folder data/sweeps/NAME/: what is known of the cells so far, rewritten as each ends."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from basrec.files import machine_errors, write_whole
from basrec.results import BESIDE, read_results, write_beside, write_results
from flows.experiment import Cell, Experiment
from flows.lock import FOREVER, alone
from flows.sweep_plan import Plan, is_finished
from flows.sweep_request import STATED, check_same_experiment

Row = dict[str, Any]
Rules = Mapping[tuple[str, str, str], tuple[str, str, bool]]
"""By dataset, backbone and variant: how seen items and ties are judged, and whether ids that are no
items are ranked too."""
SPLITS = ("validation", "test")


class Ledger:
    """The results of the cells that are over, in the order of the grid."""

    def __init__(self, experiment: Experiment, grid: list[Cell], planned: Plan, data: Path) -> None:
        self.experiment = experiment
        self.folder = data / "sweeps" / experiment.name
        self.failures: dict[str, str] = {}
        self._grid, self._plan, self._data = grid, planned, data
        self._results: dict[str, Row] = {}
        self._beside: dict[str, dict[str, list[Row]]] = {}

    def done(self, key: str) -> None:
        """Take in the run with this key."""
        folder = self._plan.steps[key].folder
        self._results[key] = read_results(folder)
        self._beside[key] = {name: read(folder) for name, (_, read) in BESIDE.items()}

    def failed(self, key: str, message: str) -> None:
        """Note why there is no run with this key."""
        self.failures[key] = message.replace(f"{self._data.resolve()}/", "").replace("\n", " ")

    def open(self) -> None:
        """Make the folder and write the experiment as it was resolved.

        Errors: InputError where the folder is another experiment's.
        """
        text = yaml.safe_dump(self.experiment.model_dump(mode="json"), sort_keys=False)
        with machine_errors(f"{self.folder}: writing the results"), self._alone():
            check_same_experiment(self.experiment, self._data)
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / STATED, lambda beside: beside.write_text(text))

    def write(self) -> None:
        """Write the tables of all that is done, by another sweep of the experiment too."""
        with self._alone():
            for key in dict.fromkeys(self._plan.keys.values()):
                is_over = key in self._results or key in self.failures
                if not is_over and is_finished(self._plan.steps[key]):
                    self.done(key)
            write_results(self.folder, self.rows())
            for name in BESIDE:
                write_beside(self.folder, name, self._of_finished(name))

    def rows(self) -> list[Row]:
        """Give a row for each cell that is over and each split."""
        return [row for cell in self._grid for row in self._rows_of(cell)]

    def rules(self) -> Rules:
        """Give for each dataset, backbone and variant by which rules it is judged."""
        told = {(cell.dataset, cell.backbone, cell.variant): cell.config for cell in self._grid}
        return {
            key: (c.evaluation.seen, c.evaluation.ties, c.model.extra_ids)
            for key, c in told.items()
        }

    def failed_cells(self) -> list[tuple[str, str]]:
        """Name the cells that failed, and why."""
        told = [(cell.name, self.failures.get(self._plan.keys[cell.name])) for cell in self._grid]
        return [(name, message) for name, message in told if message is not None]

    def _alone(self) -> AbstractContextManager[None]:
        """Keep other sweeps of the experiment from writing."""
        lock = self._data / "sweeps" / "locks" / f"{self.experiment.name}.lock"
        return alone(lock, f"{self.folder}", FOREVER)

    def _of_finished(self, name: str) -> list[Row]:
        """Give the rows of a table beside the results, each with the cell that it tells of."""
        return [
            self._place(cell) | row
            for cell in self._grid
            for row in self._beside.get(self._plan.keys[cell.name], {}).get(name, [])
        ]

    def _place(self, cell: Cell) -> Row:
        names = ("dataset", "backbone", "variant", "seed")
        return {name: getattr(cell, name) for name in names}

    def _rows_of(self, cell: Cell) -> list[Row]:
        step = self._plan.run_of(cell)
        message = self.failures.get(step.key)
        if step.key not in self._results and message is None:
            return []
        told = self._results.get(step.key, {})
        row = {
            "experiment": self.experiment.name,
            **self._place(cell),
            "method": cell.config.method,
            "preset": cell.config.preset,
            "status": "failed" if message is not None else "done",
            "message": message,
            "run": None if message is not None else str(step.folder.relative_to(self._data)),
            "key": step.key,
        }
        return [{**row, "split": split, **told.get(split, {})} for split in SPLITS]
