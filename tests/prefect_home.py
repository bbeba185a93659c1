"""Homes for Prefect whose database is there already: made anew, it costs a test ten seconds."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


def prefect_home(place: Path) -> str:
    """Give the home in a folder as PREFECT_HOME takes it, made when it is asked for first."""
    home = place / "prefect"
    if not home.exists():
        shutil.copytree(_template(), home)
    return str(home)


@cache
def _template() -> Path:
    home = Path(tempfile.mkdtemp(prefix="prefect-home-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
        env=os.environ | {"PREFECT_HOME": str(home)},
        check=True,
        capture_output=True,
    )
    return home
