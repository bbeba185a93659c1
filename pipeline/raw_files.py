"""Which files a dump is: those named, those of a folder, those that a pattern fits."""

from glob import glob
from pathlib import Path

from pipeline.errors import InputError

UNFINISHED = (".part", ".tag", ".tmp")
"""What a download leaves while it is not finished."""


def list_files(raw: list[Path]) -> list[Path]:
    """Give the files to read, in the order named; those of a folder or pattern by name.

    Errors: InputError where one is missing, empty or not allowed to be read.
    """
    files = [file for path in raw for file in _expand(path)]
    if not files:
        raise InputError(f"{', '.join(map(str, raw)) or 'raw'}: no raw files; name the dump")
    for path in files:
        if not path.exists():
            raise InputError(f"{path}: no such file; check the path of the raw dump")
        try:
            is_empty = path.stat().st_size == 0
        except OSError as exc:
            raise InputError(f"{path}: cannot be read ({exc.strerror})") from exc
        if is_empty:
            raise InputError(f"{path}: the file is empty; get the dump again")
    return files


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(entry for entry in path.iterdir() if entry.is_file() and _is_raw(entry))
    if path.exists() or not any(char in str(path) for char in "*?["):
        return [path]
    found = sorted(Path(name) for name in glob(str(path), recursive=True))  # noqa: PTH207
    return [entry for entry in found if entry.is_file() and _is_raw(entry)]


def _is_raw(entry: Path) -> bool:
    """Tell a dump from a hidden file and from what a download has not finished."""
    return not entry.name.startswith(".") and entry.suffix not in UNFINISHED
