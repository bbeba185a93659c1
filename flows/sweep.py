"""The flow `sweep`: trains the cells of an experiment side by side, each in its own process.

Nothing is kept but what the steps leave on disk, so a killed sweep goes on where it was.
"""

import queue
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture

from basrec.errors import MachineError
from flows.children import Children
from flows.errors import one_line
from flows.experiment import run_config
from flows.lock import using
from flows.rebuild import prepare_flow
from flows.sweep_artifacts import SweepArtifacts
from flows.sweep_board import Board
from flows.sweep_plan import Step, plan
from flows.sweep_request import (
    SweepRequest,
    check_prepared,
    check_same_experiment,
    default_jobs,
    is_prepared,
)
from flows.sweep_results import Ledger

REFRESH_SECONDS = 0.5
Ended = queue.SimpleQueue[tuple[str, PrefectFuture[None]]]


class CellsFailed(MachineError):
    """Some cells failed; `ledger` holds what became of all."""

    def __init__(self, message: str, ledger: Ledger) -> None:
        super().__init__(message)
        self.ledger = ledger

    def __reduce__(self) -> tuple[type[MachineError], tuple[str]]:
        """Travel as the message alone."""
        return MachineError, (str(self),)


@task(name="cell", task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
def cell_task(name: str, order: dict[str, Any], children: Children, board: Board) -> None:
    """Do one step in a process of its own."""
    children.run(order, lambda line: board.epoch(name, line))


@flow(name="sweep", flow_run_name="sweep-{request.name}")
def sweep_flow(request: SweepRequest, data: Path = Path("data")) -> Ledger:
    """Train what is missing of the chosen cells; the results tell of all cells that are done.

    Errors: CellsFailed after all else is done.
    """
    with using(data):
        return _sweep(request, data)


def _sweep(request: SweepRequest, data: Path) -> Ledger:
    experiment, grid, chosen = request.cells(data)
    check_same_experiment(experiment, data)
    check_prepared(chosen, data)
    jobs = request.jobs or default_jobs(chosen)
    if any(cell.dataset == "sample" for cell in chosen) and not is_prepared("sample", data):
        prepare_flow(run_config("sample", {}), data)
    grid = [cell for cell in grid if is_prepared(cell.dataset, data)]
    planned = plan(grid, data, chosen)
    grid = [cell for cell in grid if cell.name in planned.keys]
    ledger = Ledger(experiment, grid, planned, data)
    ledger.open()
    reused = planned.take_over(chosen)
    steps = planned.missing(chosen)
    for key in {planned.keys[cell.name] for cell in chosen} - {step.key for step in steps}:
        ledger.done(key)
    ledger.write()
    board = Board([step.name for step in steps], jobs)
    counts = [f"{len(steps)} steps to do", f"{len(ledger.rows()) // 2} cells done"]
    counts += [f"{len(reused)} runs reused"] if reused else []
    board.say(f"{len(chosen)} cells: {', '.join(counts)}")
    children = Children()
    try:
        with board.shown() as refresh:
            _Sweep(steps, data, jobs, children, board, ledger).run(refresh)
    finally:
        children.stop()
    failed = len(ledger.failed_cells())
    if failed:
        raise CellsFailed(
            f"{failed} of {len(chosen)} cells failed; run again to try them again", ledger
        )
    return ledger


class _Sweep:
    """Submits the steps, those that others need first, and takes in what becomes of them."""

    def __init__(
        self,
        steps: list[Step],
        data: Path,
        jobs: int,
        children: Children,
        board: Board,
        ledger: Ledger,
    ) -> None:
        self._waiting = {step.key: step for step in steps}
        self._running: dict[str, Step] = {}
        self._ended: Ended = queue.SimpleQueue()
        self._locks, self._jobs = data / "sweeps" / "locks", jobs
        self._children, self._board, self._ledger = children, board, ledger

    def run(self, refresh: Callable[[], None]) -> None:
        """Do all steps; a failed one does not stop the rest."""
        experiment = self._ledger.experiment
        artifacts = SweepArtifacts(experiment.name, experiment.metrics)
        while self._waiting or self._running:
            self._submit()
            refresh()
            try:
                key, future = self._ended.get(timeout=REFRESH_SECONDS)
            except queue.Empty:
                continue
            self._take_in(self._running.pop(key), future)
            self._ledger.write()
            artifacts.show(self._board.share_done, self._ledger.rows())
        artifacts.show(1.0, self._ledger.rows(), is_last=True)

    def _submit(self) -> None:
        """Start what can start, as far as there is room."""
        for step in list(self._waiting.values()):
            if len(self._running) >= self._jobs:
                return
            if step.needs in self._waiting or step.needs in self._running:
                continue
            del self._waiting[step.key]
            self._running[step.key] = step
            self._board.move(step.name, "running")
            order = step.order(self._locks)
            future = cell_task.submit(step.name, order, self._children, self._board)
            future.add_done_callback(partial(self._end, step.key))

    def _end(self, key: str, future: PrefectFuture[None]) -> None:
        self._ended.put((key, future))

    def _take_in(self, step: Step, future: PrefectFuture[None]) -> None:
        error = future.result(raise_on_failure=False)
        if isinstance(error, BaseException):
            self._fail(step, one_line(error))
        else:
            self._board.move(step.name, "done")
            if step.kind == "train":
                self._ledger.done(step.key)

    def _fail(self, step: Step, message: str) -> None:
        """Note a failure, and that what needs the step cannot be done."""
        self._ledger.failed(step.key, message)
        self._board.move(step.name, "failed", message)
        for other in [other for other in self._waiting.values() if other.needs == step.key]:
            del self._waiting[other.key]
            self._fail(other, f"{step.name} failed: {message}")
