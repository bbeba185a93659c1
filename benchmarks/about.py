"""What every result says about itself: the command, the code and the machine."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).absolute().parent.parent


def about(*folders: str) -> dict[str, Any]:
    """Say what was run, and where; `folders` are those whose uncommitted changes would matter."""
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in facts if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "command": " ".join(["python", *sys.argv]),
        "commit": git("rev-parse", "--short", "HEAD"),
        "uncommitted files": len(git("status", "-s", "--", *folders).splitlines()),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": cpu, "cores": os.cpu_count(), "memory GiB": round(memory, 1)},
        "platform": platform.platform(),
    }


def git(*words: str) -> str:
    """Ask git about this checkout."""
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
