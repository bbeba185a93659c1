"""The folder data/published/NAME/: numbered versions, and `current`, a link to one of them.

`current` is switched by one rename and is never missing between two versions.
"""

import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import basrec.errors
from basrec.files import digest_file, machine_errors, read_json, write_json
from pipeline.errors import InputError

CURRENT = "current"
REFUSED = "refused"
PUBLICATION = "publication.json"
REFUSAL = "refusal.json"
ROLLED_BACK = "rolled_back.json"
LINK = f".{CURRENT}-"
"""How the name of a link begins that is to become `current`."""
NUMBER = re.compile(r"\d{6,}")
Record = dict[str, Any]


def versions(folder: Path) -> list[Path]:
    """Give the versions in a folder, the oldest first."""
    found = folder.iterdir() if folder.is_dir() else []
    numbered = [path for path in found if NUMBER.fullmatch(path.name) and path.is_dir()]
    return sorted(numbered, key=lambda path: int(path.name))


def current(folder: Path) -> Path | None:
    """Give the version that is published, None where there is none yet.

    Errors: InputError where `current` is no link to a version.
    """
    link = folder / CURRENT
    if not link.is_symlink() and not link.exists():
        return None
    target = folder / link.readlink() if link.is_symlink() else link
    if target.parent != folder or target not in versions(folder):
        raise InputError(
            f"{link}: does not lead to a version; 'basrec publish --rollback' leads it to the one "
            "before; where there is none, remove it"
        )
    return target


def next_number(folder: Path) -> str:
    """Give the name of the next version: counted, so that no clock decides the order."""
    taken = [*versions(folder), *versions(folder / REFUSED)]
    return f"{max((int(path.name) for path in taken), default=0) + 1:06d}"


def switch(folder: Path, version: Path) -> None:
    """Let `current` lead to a version, in one step."""
    with machine_errors(f"{folder / CURRENT}: switching it"):
        sync(folder)  # the version comes to the disk before what leads to it
        # A folder of its own makes the name of the new link one that nobody else has.
        with tempfile.TemporaryDirectory(dir=folder, prefix=LINK) as beside:
            link = Path(beside) / CURRENT
            link.symlink_to(version.name, target_is_directory=True)
            link.replace(folder / CURRENT)
        sync(folder)


def roll_back(folder: Path) -> tuple[str, Path]:
    """Let `current` lead to the version before; give the name that it led to, and that version.

    The version that is left is marked, so that its run is not published again by the next night.
    Errors: InputError where there is no whole version before.
    """
    link = folder / CURRENT
    if not link.is_symlink():
        raise InputError(f"{folder}: nothing is published here; see 'basrec publish --list'")
    now = folder / link.readlink().name
    target = version_before(folder, now)
    if target is None:
        raise InputError(f"{folder}: there is no whole version before {now.name}")
    if now.is_dir():
        at = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(now / ROLLED_BACK, {"at": at, "to": target.name})
    switch(folder, target)
    return now.name, target


def version_before(folder: Path, now: Path) -> Path | None:
    """Give what was current before a version, or else the newest whole one that is older.

    Versions that were rolled back themselves do not count.
    """
    older = versions(folder)
    if NUMBER.fullmatch(now.name):  # `current` may lead anywhere, when somebody has led it there
        older = [path for path in older if int(path.name) < int(now.name)]
    noted = read_publication(now).get("before")
    for path in sorted(older, key=lambda path: (path.name == noted, int(path.name)), reverse=True):
        if is_whole(path) and not (path / ROLLED_BACK).exists():
            return path
    return None


def read_publication(version: Path, name: str = PUBLICATION) -> Record:
    """Read what is recorded of a version; nothing where it is missing or damaged."""
    try:
        record = read_json(version / name)
    except basrec.errors.InputError:
        return {}
    return record if isinstance(record, dict) else {}


def is_whole(version: Path) -> bool:
    """Tell whether a version's files are those that were published."""
    files = read_publication(version).get("files")
    try:
        told = dict(files or {})
        return bool(told) and all(digest_file(version / name) == d for name, d in told.items())
    except (OSError, TypeError, ValueError):
        return False


def surplus(folder: Path, keep: int) -> list[Path]:
    """Give the versions, refused ones too, that neither number nor use keeps."""
    now = current(folder)
    used = {now, version_before(folder, now) if now else None}
    old = versions(folder)[:-keep] + versions(folder / REFUSED)[:-keep]
    return [path for path in old if path not in used]


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
