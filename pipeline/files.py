"""Digests of files and values, and JSON written whole."""

import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import InputError

NOT_AS_PROMISED: tuple[type[Exception], ...] = (
    *(LookupError, TypeError, ValueError, AttributeError, OverflowError),
)
"""What working with values of another kind raises."""


def digest_file(path: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_file_at(path: Path, *places: int) -> list["hashlib._Hash"]:
    """Digest a file in one pass; give the SHA-256 of its first bytes, so many each, and of all."""
    digests = []
    with DigestedSource(path) as source:
        for place in places:
            while source.read(max(min(place - source.file.tell(), 1 << 20), 0)):
                pass
            digests.append(source.digest.copy())
        source.finish()
    return [*digests, source.digest]


class Begun(NamedTuple):
    """The beginning of a file that has been read already."""

    num_bytes: int
    digest: "hashlib._Hash"


class DigestedSource(io.RawIOBase):
    """A file to read that digests its bytes as they pass, from where it was begun if it was."""

    def __init__(self, path: Path, begun: Begun | None = None) -> None:
        self.file = path.open("rb", buffering=0)
        self.file.seek(begun.num_bytes if begun else 0)
        self.digest = begun.digest.copy() if begun else hashlib.sha256()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer; give how much."""
        count = self.file.readinto(buffer) or 0
        self.digest.update(buffer[:count])
        return count

    def finish(self) -> str:
        """Read what is left and give the SHA-256 of the whole, in hexadecimal."""
        while self.read(1 << 20):
            pass
        return self.digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        super().close()


class DigestedSink(io.RawIOBase):
    """A file to write that digests its bytes as they pass."""

    def __init__(self, path: Path) -> None:
        self.file, self.digest = path.open("wb", buffering=0), hashlib.sha256()

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write all of the data."""
        rest = memoryview(data)
        self.digest.update(rest)
        while rest:
            rest = rest[self.file.write(rest) :]
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        super().close()


def digest_value(value: Any) -> str:
    """Give the SHA-256 of a JSON value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole: beside its place, then renamed."""
    beside = path.with_name(path.name + ".tmp")
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read_json(path: Path) -> Any:
    """Read a JSON file of a folder of ours.

    Errors: InputError where it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); make the folder again") from exc


@contextmanager
def told_as_damaged(path: Path, *kinds: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong with values that a file of ours does not hold into an InputError.

    `kinds` are further errors of this sort.
    """
    try:
        yield
    except (*NOT_AS_PROMISED, *kinds) as exc:
        told = " ".join(str(exc).split())[:200]
        raise InputError(f"{path}: not as promised ({told}); make the folder again") from exc
