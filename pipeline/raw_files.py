"""Which files a dump is: those named, those of a folder, those that a pattern fits."""

from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path

from pipeline.errors import InputError
from pipeline.folder import MANIFEST

States = dict[Path, tuple[int, ...]]
UNFINISHED = (".part", ".tag", ".tmp")
"""What a download leaves while it is not finished."""
NOT_DATA = (".", "_")
"""How names begin of what is beside the data: hidden files, marks such as _SUCCESS."""


def list_files(raw: list[Path]) -> list[Path]:
    """Give the files to read, in the order named; those of a folder or pattern by name.

    Errors: InputError where one is missing, empty or not allowed to be read.
    """
    if not raw:
        raise InputError("raw: no raw files; name the dump")
    files = []
    for path in raw:
        found = _expand(path)
        if not found:
            raise InputError(f"{path}: no raw files there; name the dump")
        files += found
    for path in files:
        if not path.exists():
            raise InputError(f"{path}: no such file; check the path of the raw dump")
        if not path.is_file():
            raise InputError(f"{path}: is no regular file; write it to one, or name its files")
        try:
            is_empty = path.stat().st_size == 0
        except OSError as exc:
            raise InputError(f"{path}: cannot be read ({exc.strerror})") from exc
        if is_empty:
            raise InputError(f"{path}: the file is empty; get the dump again")
    return files


def states_of(files: list[Path]) -> States:
    """Note what tells a file from itself after somebody has written to it."""
    return {file: _state(file) for file in files}


@contextmanager
def unchanged(before: States) -> Iterator[None]:
    """Refuse files that are not in the block's end as they were before.

    What was read of a file that somebody writes to is no state that it ever had.
    Errors: InputError names it.
    """
    try:
        yield
    except InputError:
        _refuse_changed(before)  # this may be why
        raise
    _refuse_changed(before)


def _refuse_changed(before: States) -> None:
    for file, state in before.items():
        if _state(file) != state:
            raise InputError(
                f"{file}: changed while it was read; run again when it is whole (let it be "
                "written as NAME.part, which is left alone, and be renamed at the end)"
            )


def _state(file: Path) -> tuple[int, ...]:
    try:
        told = file.stat()
    except FileNotFoundError:
        return ()
    return told.st_ino, told.st_size, told.st_mtime_ns


def _expand(path: Path) -> list[Path]:
    if (path / MANIFEST).is_file():
        raise InputError(f"{path}: was made by basrec; 'basrec prepare' goes on from it")
    if path.is_dir():
        return sorted(entry for entry in path.iterdir() if _is_raw(entry))
    if path.exists() or not any(char in str(path) for char in "*?["):
        return [path]
    found = sorted(Path(name) for name in glob(str(path), recursive=True))  # noqa: PTH207
    return [entry for entry in found if not entry.is_dir() and _is_raw(entry)]


def _is_raw(entry: Path) -> bool:
    """Tell a dump from what lies beside it and from what a download has not finished."""
    return not entry.name.startswith(NOT_DATA) and entry.suffix not in UNFINISHED
