"""A rebuild in a process of its own, forked or as a program: started, waited for, killed."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from about import ROOT

BASREC = [sys.executable, "-c", "from flows.cli import main; main()"]
IMPORTED = (
    *("flows.rebuild", "flows.show", "flows.passports", "flows.publishing", "flows.unchanged"),
    *("basrec.report", "basrec.training", "basrec.evaluation", "torch._dynamo", "pandas"),
    *("pipeline.interactions", "pipeline.preparation", "pipeline.neighbours", "pipeline.schemas"),
)
KINDS = {"fork": ("group", "main"), "program": ("group", "main", "server")}


@dataclass(frozen=True)
class Running:
    """A rebuild under way: `code` gives its exit code, None before its end."""

    pid: int
    code: Callable[[], int | None]
    errors: Path

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 900.0) -> None:
        """Wait until something is so, or it has ended; for so long at most."""
        deadline = time.monotonic() + seconds
        while self.code() is None and not is_so() and time.monotonic() < deadline:
            time.sleep(0.02)

    def has_spoken(self) -> bool:
        """Tell whether it has said anything."""
        return self.errors.exists() and self.errors.stat().st_size > 0

    def said(self) -> str:
        """Give what it has said."""
        return self.errors.read_text().strip() if self.errors.exists() else ""

    def kill(self, whom: str) -> bool:
        """Kill the process, its group or those that it has started; tell whether there was one."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/children") if whom == "server" else ()
        started = [int(word) for task in tasks for word in task.read_text().split()]
        try:
            if whom == "group":
                os.killpg(self.pid, signal.SIGKILL)
            for each in {"group": [], "main": [self.pid], "server": started}[whom]:
                os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return whom != "server" or bool(started)


class Rebuilds:
    """Starts rebuilds, each with its errors in one file, and programs with a Prefect's home."""

    def __init__(self, work: Path) -> None:
        self.errors = work / "errors.txt"
        self.home = (work / "prefect-of-programs").resolve()
        self.forks = multiprocessing.get_context("forkserver")
        self.forks.set_forkserver_preload(list(IMPORTED))

    def start(self, words: list[str], kind: str) -> Running:
        """Start a rebuild."""
        self.errors.unlink(missing_ok=True)
        if kind == "fork":
            forked = self.forks.Process(target=_be_basrec, args=(words, self.errors))
            forked.start()
            assert forked.pid
            return Running(forked.pid, lambda: forked.exitcode, self.errors)
        environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
        environment |= {"PREFECT_HOME": str(self.home), "PREFECT_CLIENT_MAX_RETRIES": "1"}
        with self.errors.open("wb") as out:
            program = subprocess.Popen(
                [*BASREC, *words],
                env=environment | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.DEVNULL,
                stderr=out,
                start_new_session=True,
            )
        return Running(program.pid, program.poll, self.errors)


def _be_basrec(words: list[str], errors: Path) -> None:
    """Be `basrec` in a session of its own, as a forked process."""
    from flows.cli import main as basrec

    os.setsid()
    with errors.open("wb") as told, Path(os.devnull).open("wb") as nothing:
        os.dup2(told.fileno(), 2)
        os.dup2(nothing.fileno(), 1)
    sys.argv = ["basrec", *words]
    basrec()
