"""Contenders that take turns, each run a process of its own."""

import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def take_turns(names: list[str], repeats: int) -> Iterator[tuple[int, str]]:
    """Give (repeat from 1, name); who begins changes from repeat to repeat."""
    for repeat in range(repeats):
        turn = repeat % len(names)
        for name in names[turn:] + names[:turn]:
            yield repeat + 1, name


def run_child(
    command: list[str], threads: int, work: Path | None, path: str | None = None
) -> dict[str, Any]:
    """Run a command in a throw-away folder; give the last line it printed, and its peak memory.

    `path` becomes its PYTHONPATH. A run that fails gives the end of what it complained of.
    """
    load = os.getloadavg()[0]
    env = os.environ | {"OMP_NUM_THREADS": str(threads)} | ({"PYTHONPATH": path} if path else {})
    with tempfile.TemporaryDirectory(dir=work) as folder, tempfile.TemporaryFile() as told:
        errors = Path(folder, "errors.txt")
        with errors.open("wb") as complaints:
            started = time.perf_counter()
            child = subprocess.Popen(command, cwd=folder, env=env, stdout=told, stderr=complaints)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = code = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        told.seek(0)
        lines = told.read().decode().splitlines()
        same = {"peak_mb": peak_mb(usage), "process_seconds": wall, "load_before": load}
        if code:
            end = errors.read_text(errors="replace").strip().splitlines()[-5:]
            return same | {"error": f"exit {code}: " + " | ".join(end)}
    printed: dict[str, Any] = json.loads(lines[-1])
    return printed | same


def peak_mb(usage: resource.struct_rusage | None = None) -> float:
    """Give the peak resident memory in MiB, of this process so far unless told otherwise."""
    usage = usage or resource.getrusage(resource.RUSAGE_SELF)
    return round(usage.ru_maxrss / 1024, 1)
