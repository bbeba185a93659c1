"""Prefect's own programs beside this process, ended with all that runs below them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO

from pipeline.errors import MachineError

START_SECONDS = 180.0
END_SECONDS = 20.0
POLL_SECONDS = 0.2
LOOK_SECONDS = 2.0
"""So often is looked at what runs below a program, which nobody can tell once it is dead."""
Program = subprocess.Popen[str]


class Ended(MachineError):
    """A program ended by itself."""


@contextmanager
def program(kind: str, *options: str, output: IO[str] | None = None) -> Iterator[Program]:
    """Run `prefect KIND start`, and end it at the end; further signals do not break that off.

    Where this process is killed, the program ends too. One that has ended by itself may be
    followed by another.
    """
    start = ["prefect", "--no-prompt", kind, "start"]
    child = subprocess.Popen(
        [sys.executable, "-m", "flows.supervised", *start, *options],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, which ends them in order
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        _end(child)


def wait_until(is_ready: Callable[[], bool], name: str, child: Program) -> None:
    """Wait until a program is ready.

    Errors: MachineError where it ends instead, or takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if child.poll() is not None:
            raise MachineError(f"{name} ended with code {child.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise MachineError(f"{name} was not ready after {START_SECONDS:.0f} s; try again")
        time.sleep(POLL_SECONDS)


def watch(programs: Mapping[str, Program]) -> None:
    """Wait for an interrupt.

    Errors: Ended where a program ends by itself; what it had started is killed.
    """
    below: dict[str, list[int]] = {}
    looked = -LOOK_SECONDS
    while True:
        for name, child in programs.items():
            if child.poll() is not None:
                _kill(below.get(name, []))
                raise Ended(f"{name} ended by itself, with code {child.returncode}")
        if time.monotonic() - looked >= LOOK_SECONDS:
            parents, looked = _parents(), time.monotonic()
            below = {name: _below(child, parents) for name, child in programs.items()}
        time.sleep(POLL_SECONDS)


def _end(child: Program) -> None:
    """Ask what a program has started to end, then the program; after a while, make them.

    A worker kills its runs at once. Asked before it, they tell the server that they were ended.
    """
    parents = _parents()
    below = _below(child, parents)
    deadline = time.monotonic() + END_SECONDS
    started = [pid for pid in below if parents.get(pid) == child.pid]
    for asked in (started, [child.pid]):
        for pid in asked:
            _signal(pid, signal.SIGTERM)
        last = asked is not started
        while time.monotonic() < deadline and _are_alive(below if last else asked, child):
            time.sleep(POLL_SECONDS)
    _kill(below)
    child.wait()


def _below(child: Program, parents: Mapping[int, int]) -> list[int]:
    """List a program and all that is below it."""
    below = [child.pid]
    for parent in below:
        below += [pid for pid, above in parents.items() if above == parent]
    return below


def _kill(pids: list[int]) -> None:
    for pid in _parents().keys() & set(pids):
        _signal(pid, signal.SIGKILL)


def _are_alive(pids: list[int], child: Program) -> bool:
    child.poll()  # or it would stay as a zombie
    return not _parents().keys().isdisjoint(pids)


def _parents() -> dict[int, int]:
    """Give the parent of every process that runs."""
    command = ["ps", "-A", "-o", "pid=,ppid=,stat="]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in told.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
