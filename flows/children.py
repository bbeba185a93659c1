"""The processes of a sweep: each does one step, so that a crash of one hurts none."""

import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from basrec.errors import MachineError
from flows.progress import WARNING, errors

GRACE_SECONDS = 10.0
OF_OPTIONS = re.compile(r"; [^;]*--(out|resume|start-from|generated)\b.*")
ADVICE = "move it away or delete it, then sweep again"


class Stopped(Exception):
    """The sweep is being ended; its children have not failed."""


class Children:
    """Starts processes, and ends those that run when the sweep ends."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._is_stopped = False

    def run(self, order: dict[str, Any], on_line: Callable[[dict[str, Any]], None]) -> None:
        """Do one step in a process of its own, and wait for it.

        Errors: MachineError with what the process said last; Stopped where `stop` ended it.
        """
        with tempfile.TemporaryFile("w+") as complaints:
            child = self._start(order, complaints)
            assert child.stdout is not None and child.stdin is not None
            try:
                for line in child.stdout:
                    if line.startswith("{"):
                        on_line(json.loads(line))
                code = child.wait()
            finally:
                with self._lock:
                    self._running.discard(child)
                child.stdin.close()
                child.stdout.close()
            if self._is_stopped:
                raise Stopped
            complaints.seek(0)
            said = complaints.read()
            if code:
                raise MachineError(failure(code, said))
            for line in said.splitlines():
                if line.startswith(WARNING):
                    errors.print(line, highlight=False, markup=False, soft_wrap=True)

    def stop(self) -> None:
        """End what runs, and start nothing more."""
        with self._lock:
            self._is_stopped = True
            running = list(self._running)
        for child in running:
            child.terminate()
        for child in running:
            try:
                child.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()

    def _start(self, order: dict[str, Any], complaints: Any) -> subprocess.Popen[str]:
        with self._lock:
            if self._is_stopped:
                raise Stopped
            child = subprocess.Popen(
                [sys.executable, "-m", "flows.cell"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                start_new_session=True,  # Ctrl-C is for the sweep, which ends them in order
            )
            self._running.add(child)
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(order) + "\n")
            child.stdin.flush()  # it stays open: that it closes tells the child to end
        except BrokenPipeError:  # it has died at once; its last words say why
            pass
        return child


def failure(code: int, complaints: str) -> str:
    """Say in one line why a process failed."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (out of memory?)" if code == -signal.SIGKILL else ""
        return f"killed by {name}{hint}"
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    if not lines:
        return f"ended with code {code}"
    # A sweep names folders itself and goes on by itself: options of other commands are no advice.
    return OF_OPTIONS.sub(f"; {ADVICE}", lines[-1].removeprefix("error: "))
