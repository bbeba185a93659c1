"""Opening a page in the browser engine, for the tests that want one."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "browser.py"


@functools.cache
def what_is_missing() -> str:
    """Tell why there is no browser engine here, or nothing."""
    code = "import PySide6.QtWebEngineWidgets"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def browse(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tool on a page, or skip where no browser is to be had."""
    if missing := what_is_missing():
        pytest.skip(f"no browser engine: {missing}")
    command = [sys.executable, str(TOOL), str(page), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)
