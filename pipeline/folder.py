"""Folders that appear whole or not at all: built beside their place, then renamed."""

import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from pipeline.errors import InputError, MachineError

MANIFEST = "manifest.json"
TABLES = ("interactions", "rejects", "users", "items", "sequences", "neighbours", "item_details")
OURS = {MANIFEST, "passport.json", "passport.html", *(f"{name}.parquet" for name in TABLES)}
"""All that a folder of ours may hold; what holds more is not replaced."""
FAILURES = (errno.ENOSPC, errno.EIO, errno.EDQUOT)
"""What the machine is to blame for, not the place."""


@contextmanager
def building(out: Path) -> Iterator[Path]:
    """Give a folder to build in; it becomes `out` where the block ends well, and goes if not.

    An existing folder is replaced only if it is empty or holds nothing but files of ours.
    Errors: InputError for a place that cannot be written or is not ours; MachineError for a disk
    that is full or fails.
    """
    try:
        _check_place(out)
        out = out.resolve() if out.is_symlink() else out
        out.parent.mkdir(parents=True, exist_ok=True)
        _clear_after_kills(out)
        work = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
        held = _hold(work)
    except OSError as exc:
        if exc.errno in FAILURES:
            raise _as_error(exc, out) from exc
        reason = exc.strerror or str(exc)
        raise InputError(f"{out}: cannot be written ({reason}); choose another folder") from exc
    try:
        work.chmod(0o755)
        yield work
        _swap(work, out)
    except OSError as exc:
        raise _as_error(exc, out) from exc
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(held)


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file in another folder without a second copy where the disk allows."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def carry(folder: Path, work: Path) -> None:
    """Put all that a folder holds into the one that will replace it."""
    for entry in folder.iterdir():
        if entry.is_file() and not entry.name.startswith("."):
            link_or_copy(entry, work / entry.name)


def _hold(work: Path) -> int:
    """Mark a folder as being worked in, until the process ends, however it ends."""
    held = os.open(work, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return held


def _clear_after_kills(out: Path) -> None:
    """Remove what builds that were killed have left, and put back what a kill left without a name.

    Errors: OSError where the place cannot be written.
    """
    # As mkdtemp makes them: the folders of no longer name fit.
    name = f".{escape(out.name)}-{'?' * 8}"
    for old in out.parent.glob(f"{name}.old"):
        if not out.exists():  # killed between the renames of a swap
            old.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    for work in out.parent.glob(name):
        try:
            held = _hold(work)
        except BlockingIOError:  # somebody is at work there
            continue
        shutil.rmtree(work, ignore_errors=True)
        os.close(held)


def _check_place(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; choose another folder")
    if out.resolve() == Path.cwd():
        raise InputError(f"{out}: is where you are; give a folder of its own")
    if not out.is_dir() or not any(out.iterdir()):
        return
    foreign = sorted(entry.name for entry in out.iterdir() if entry.name not in OURS)
    if not (out / MANIFEST).is_file() or _is_of_another(out / MANIFEST):
        raise InputError(f"{out}: not empty and not made by basrec; choose another folder")
    if foreign:
        raise InputError(
            f"{out}: holds {', '.join(foreign[:3])}, which basrec did not put there and would "
            "remove; move it, or choose another folder"
        )


def _is_of_another(manifest: Path) -> bool:
    """Tell a manifest that is none of ours from ours, a damaged one of ours included."""
    try:
        record = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return not (manifest.parent / "interactions.parquet").is_file()
    return not (isinstance(record, dict) and isinstance(record.get("stages"), dict))


def _swap(work: Path, out: Path) -> None:
    old = work.with_name(work.name + ".old")
    if out.exists():
        out.rename(old)
    work.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _as_error(exc: OSError, out: Path) -> InputError | MachineError:
    reason = exc.strerror or str(exc)
    if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return InputError(f"{out}: cannot be written ({reason}); choose another folder")
    if exc.errno == errno.ENOSPC:
        return MachineError(f"{out}: the disk is full; free space and run again")
    return MachineError(f"{out}: {reason}")
