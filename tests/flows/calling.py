"""Calls of the command line as a user makes them."""

import subprocess
import sys
from pathlib import Path

BASREC = [sys.executable, "-c", "from flows.cli import main; main()"]
"""The command `basrec`, in the environment that the tests run in."""


def basrec(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*BASREC, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def assert_told(done: subprocess.CompletedProcess[str], code: int, told: str) -> None:
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
