"""The most memory that this process has taken."""

import resource
from pathlib import Path

STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_mib() -> float:
    """Give the most memory of this process since it began, or since `forget_peak`.

    Linux's ru_maxrss counts the process that started it too; VmHWM does not.
    """
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> None:
    """Begin to measure anew, where the system allows it (Linux)."""
    try:
        FORGET.write_text("5")
    except OSError:
        return
