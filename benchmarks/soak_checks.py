"""What must hold after a kill: no process left, what is published whole, nothing half unseen."""

import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from basrec.evaluation import read_metrics
from basrec.prepared import read_prepared
from flows.garbage import find_garbage

GONE_SECONDS = 20.0
COUNTED = re.compile(r"\d{6}")


def left_running(session: int, home: Path) -> list[str]:
    """Name the processes of a session, and those whose Prefect's home this is."""
    mine, found = f"PREFECT_HOME={home}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session = (process / "stat").read_text().rsplit(")")[1].split()[:4]
            is_mine = mine in (process / "environ").read_bytes().split(b"\0")
            if state != "Z" and (is_mine or int(its_session) == session):
                found.append((process / "cmdline").read_text().replace("\0", " ").strip())
        except OSError:
            continue
    return found


def seconds_until_gone(session: int, home: Path) -> float:
    """Wait until no such process is left, and give how long that took.

    Errors: AssertionError that names those that stay.
    """
    began = time.monotonic()
    while left := left_running(session, home):
        assert time.monotonic() - began < GONE_SECONDS, f"left running: {left}"
        time.sleep(0.05)
    return round(time.monotonic() - began, 2)


def check_published(folder: Path) -> str | None:
    """See that what is published is whole and can be read; give its digest, None before the first.

    Errors: AssertionError, OSError and the errors of reading.
    """
    current = folder / "current"
    if not current.is_symlink():
        assert not current.exists()
        return None
    record: dict[str, Any] = json.loads((current / "publication.json").read_text())
    for name, digest in record["files"].items():
        own = hashlib.sha256((current / name).read_bytes()).hexdigest()
        assert own == digest, f"{current / name}: not as it was published"
    assert read_metrics(current / "run")["test"]["HR@10"] >= 0
    assert len(read_prepared(current / "prepared").items) > 0
    return str(record["digest"])


def shape(data: Path) -> set[str]:
    """Give what a data folder holds, as paths in which all versions are one."""
    return {_plain(data, path) for path in data.rglob("*")}


def unseen(data: Path, usual: set[str]) -> list[str]:
    """Name what is no part of a data folder's usual shape, and that 'basrec gc' would not find."""
    garbage = {entry.path for entry in find_garbage(data, older_than_hours=0.0)[0]}
    found = []
    for path in sorted(data.rglob("*")):
        is_lock = path.parent.name == "locks"  # which tells by itself whether it is held
        is_found = bool(garbage & {path, *path.parents})
        if _plain(data, path) not in usual and not is_lock and not is_found:
            found.append(str(path))
    return found


def _plain(data: Path, path: Path) -> str:
    """Write a path below the data folder with every version's number as N, refused or not."""
    told = COUNTED.sub("N", str(path.relative_to(data)))
    return told.removesuffix("/refused").replace("refused/", "").replace("refusal", "publication")


def mib(folder: Path) -> float:
    """Give the size of all files below a folder, in MiB."""
    sizes = (
        (Path(here) / name).lstat().st_size for here, _, names in os.walk(folder) for name in names
    )
    return round(sum(sizes) / 2**20, 2)
