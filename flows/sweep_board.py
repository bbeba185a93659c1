"""How a sweep goes, for people: a live table on a terminal, a line an event where none is."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flows.progress import errors

STATES = ("done", "running", "waiting", "failed")
LAST_FAILURES = 5


class Board:
    """The state of every step; told by the threads that wait for the processes."""

    def __init__(self, names: list[str], jobs: int) -> None:
        self._states = dict.fromkeys(names, "waiting")
        self._epochs: dict[str, dict[str, Any]] = {}
        self._began: dict[str, float] = {}
        self._took: list[float] = []
        self._messages: dict[str, str] = {}
        self._lock = threading.Lock()
        self._jobs = jobs
        self._is_live = errors.is_terminal

    @property
    def counts(self) -> dict[str, int]:
        """Count the steps in each state."""
        states = list(self._states.values())
        return {state: states.count(state) for state in STATES}

    @property
    def share_done(self) -> float:
        """Give the share of the steps that are over."""
        counts = self.counts
        over = counts["done"] + counts["failed"]
        return over / len(self._states) if self._states else 1.0

    def move(self, name: str, state: str, message: str = "") -> None:
        """Put a step into another state."""
        with self._lock:
            self._states[name] = state
            if state == "running":
                self._began[name] = time.monotonic()
            else:
                self._epochs.pop(name, None)
            if state == "done":
                self._took.append(time.monotonic() - self._began[name])
            if message:
                self._messages[name] = message
        if not self._is_live:
            told = f": {message}" if message else ""
            self.say(f"[{round(self.share_done * 100)} %] {name} {state}{told}")

    def epoch(self, name: str, line: dict[str, Any]) -> None:
        """Take in what a process tells of an epoch."""
        with self._lock:
            best = self._epochs.get(name, {}).get("validation")
            self._epochs[name] = {**line, "validation": line["validation"] or best}

    def say(self, text: str) -> None:
        """Say a line."""
        errors.print(text, highlight=False, soft_wrap=True, markup=False, emoji=False)

    @contextmanager
    def shown(self) -> Iterator[Callable[[], None]]:
        """Show the table while the sweep goes; gives what refreshes it."""
        if not self._is_live:
            yield lambda: None
            return
        with Live(console=errors, auto_refresh=False, transient=True) as live:
            yield lambda: live.update(self.render(), refresh=True)

    def render(self) -> Group:
        """Draw counts, the steps that run, and the last failures."""
        with self._lock:
            counts = ", ".join(f"{n} {state}" for state, n in self.counts.items() if n)
            running = [name for name, state in self._states.items() if state == "running"]
            table = Table("running", "stage", "epoch", "NDCG@10", "at most", pad_edge=False)
            for name in running:
                table.add_row(Text(name), *epoch_cells(self._epochs.get(name)))
            failed = list(self._messages.items())[-LAST_FAILURES:]
        told = [Text(f"{name}: {message}", "red") for name, message in failed]
        return Group(Text(f"{counts}{self._left()}", "bold"), table, *told)

    def _left(self) -> str:
        counts = self.counts
        left = counts["running"] + counts["waiting"]
        if not self._took or not left:
            return ""
        seconds = sum(self._took) / len(self._took) * left / self._jobs
        return f"; about {duration(seconds)} to go"


def epoch_cells(line: dict[str, Any] | None) -> list[str]:
    """Give stage, epoch, the last validation, and the time that the stage takes at most."""
    if line is None:
        return ["", "starts", "", ""]
    metric = "-" if line["validation"] is None else f"{line['validation']:.4f}"
    left = (line["epochs"] - line["epoch"]) * line["seconds"]
    return [str(line["stage"]), f"{line['epoch']}/{line['epochs']}", metric, duration(left)]


def duration(seconds: float) -> str:
    """Say a time in its two largest units."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
