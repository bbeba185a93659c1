"""What an earlier read of the same raw files gave, and up to where it still holds.

A row depends on its own line, the config, the code and a table's layout. Where these are the same,
the rows of files whose content is the same still hold, and so do those of the beginning of a plain
file to which something was appended. Both are told by SHA-256, never by sizes or times. The first
file that differs ends it, since rows are numbered over all files in their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import InputError
from pipeline.files import Begun, digest_file_at, digest_value
from pipeline.kinds import is_plain
from pipeline.manifest import Manifest, read_manifest, stage_key, verify_outputs, versions


class Reach(BaseModel):
    """How far a raw file was read."""

    model_config = ConfigDict(frozen=True)

    next_row: int
    """The row after its last."""
    num_bytes: int = 0
    """Bytes of its content, if it is lines."""
    whole_bytes: int = 0
    """Bytes of its lines that have their end, as the last one may not."""
    whole_next_row: int = 1
    """The row after these lines."""
    is_truncated: bool = False


class Reading(BaseModel):
    """What a manifest keeps of a read, so that a later one can go on from it."""

    model_config = ConfigDict(frozen=True)

    layout: str
    """Digest of where a table's columns are."""
    files: tuple[Reach, ...]


@dataclass(frozen=True)
class Taken:
    """The rows of an earlier read that need not be parsed: all before `next_row`."""

    next_row: int = 1
    starts: tuple[int, ...] = ()
    """The rows at which the files begin of which anything is taken."""
    whole: tuple[Reach, ...] = ()
    """The files of which all is taken, the first ones."""
    digests: tuple[str, ...] = ()
    """SHA-256 of these."""
    begun: Begun | None = None
    """The beginning of the file after them, if it is taken."""


@dataclass(frozen=True)
class Earlier:
    """An ingested or prepared folder made by the same config and code."""

    manifest: Manifest
    reading: Reading

    def compare(self, files: Sequence[Path]) -> Taken:
        """Find what still holds of the files, in one pass over each up to the first that differs.

        Errors: OSError where one cannot be read.
        """
        starts, whole, digests, next_row = [], [], [], 1
        for file, before, reach in zip(
            files, self.manifest.inputs.values(), self.reading.files, strict=False
        ):
            lines, then, now = digest_file_at(file, reach.whole_bytes, reach.num_bytes)
            if now.hexdigest() == before:
                starts.append(next_row)
                whole.append(reach)
                digests.append(before)
                next_row = reach.next_row
                continue
            if reach.whole_bytes and then.hexdigest() == before and is_plain(file):
                return Taken(
                    reach.whole_next_row,
                    (*starts, next_row),
                    tuple(whole),
                    tuple(digests),
                    Begun(reach.whole_bytes, lines),
                )
            break
        return Taken(next_row, tuple(starts), tuple(whole), tuple(digests))

    def holds(self, layout: dict[str, Any]) -> bool:
        """Tell whether columns are where they were, versions and files as they were written."""
        if self.reading.layout != digest_value(layout) or self.manifest.versions != versions():
            return False
        try:
            verify_outputs(self.manifest.folder, "ingest")
        except InputError:
            return False
        return True


def find_earlier(folder: Path, settings: dict[str, Any]) -> Earlier | None:
    """Find what an earlier read left in a folder; None where it could be another one today."""
    try:
        found = read_manifest(folder, "ingest")
        reading = Reading.model_validate(found.reading)
    except (InputError, ValidationError):  # not there, or damaged
        return None
    is_alike = found.key == stage_key("ingest", settings, found.inputs)
    return Earlier(found, reading) if is_alike else None
