"""What a stage did: config, digests of what it read and wrote, time, memory, versions.

The key digests the stage's name, config, inputs and code. A stage whose folder holds the same key,
and whose files still have the digests it recorded, has nothing to do.
"""

import resource
import sys
import time
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import InputError
from pipeline.files import digest_file, digest_value, read_json, write_json
from pipeline.folder import MANIFEST
from pipeline.statements import sql_folder

VERSIONS = ("duckdb", "polars", "pyarrow", "pandera")
NOT_DATA = ("sample.py", "download.py", "datasets.py", "strict_yaml.py")
"""Modules whose change does not change what a stage writes."""


class Manifest(BaseModel):
    """One stage's record; `reused` says that nothing had to be done this time."""

    model_config = ConfigDict(frozen=True)

    stage: str
    key: str
    config: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, str]
    rows: dict[str, int]
    seconds: float
    peak_memory_bytes: int
    versions: dict[str, str]
    reading: dict[str, Any] | None = None
    """What a later read of the same files can go on from; no part of the key."""
    folder: Path
    reused: bool = False


class Recorder:
    """Gathers a stage's manifest while the stage runs."""

    def __init__(
        self,
        stage: str,
        config: dict[str, Any],
        inputs: dict[str, str],
        started: float | None = None,
    ) -> None:
        self.stage, self.config, self.inputs = stage, config, inputs
        self.key = stage_key(stage, config, inputs)
        self.rows: dict[str, int] = {}
        self.reading: dict[str, Any] | None = None
        self.started = time.monotonic() if started is None else started

    def write(
        self, work: Path, folder: Path, outputs: list[str], known: dict[str, str] | None = None
    ) -> Manifest:
        """Add the stage to the manifest in `work`, which will become `folder`.

        `known` holds digests of outputs that need not be read for it.
        """
        known = known or {}
        manifest = Manifest(
            stage=self.stage,
            key=self.key,
            config=self.config,
            inputs=self.inputs,
            outputs={name: known.get(name) or digest_file(work / name) for name in outputs},
            rows=self.rows,
            seconds=round(time.monotonic() - self.started, 3),
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            versions=versions(),
            reading=self.reading,
            folder=folder,
        )
        stages = read_stages(work)
        stages[self.stage] = manifest.model_dump(mode="json", exclude={"reused", "folder"})
        write_json(work / MANIFEST, {"stages": stages})
        return manifest


def stage_key(stage: str, config: dict[str, Any], inputs: dict[str, str]) -> str:
    """Digest all that decides what a stage writes."""
    return digest_value([stage, config, inputs, code_digest()])


@cache
def code_digest() -> str:
    """Digest the source of this package and its statements."""
    package = Path(__file__).parent
    files = [path for path in package.glob("*.py") if path.name not in NOT_DATA]
    files += sql_folder().rglob("*.sql")
    return digest_value(sorted(f"{path.name} {digest_file(path)}" for path in files))


def read_stages(folder: Path) -> dict[str, Any]:
    """Read the stages recorded in a folder; none where there is no manifest."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    record = read_json(path)
    stages = record.get("stages") if isinstance(record, dict) else None
    if not isinstance(stages, dict):
        raise InputError(f"{path}: no manifest of basrec's; make the folder again")
    return stages


def read_manifest(folder: Path, stage: str) -> Manifest:
    """Read one stage's manifest.

    Errors: InputError where the folder has no such stage.
    """
    values = read_stages(folder).get(stage)
    if not values:
        raise InputError(f"{folder}: no '{stage}' stage here; run 'basrec {stage}' first")
    try:
        return Manifest(**values, folder=folder)
    except (TypeError, ValidationError) as exc:
        raise InputError(f"{folder / MANIFEST}: damaged; make the folder again") from exc


def verify_outputs(folder: Path, stage: str) -> Manifest:
    """Give a stage's manifest where its files are those that it wrote.

    Errors: InputError that names the file that is missing or has changed since.
    """
    manifest = read_manifest(folder, stage)
    for name, digest in manifest.outputs.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path}: no such file; make the folder again")
        if digest_file(path) != digest:
            raise InputError(f"{path}: has changed since it was written; make the folder again")
    return manifest


def find_reusable(folder: Path, stage: str, key: str) -> Manifest | None:
    """Give a stage's manifest where it, its key and its files are as they should be."""
    try:
        manifest = read_manifest(folder, stage)
    except InputError:  # not there, or damaged: to be made anew
        return None
    if manifest.key != key:
        return None
    try:
        return verify_outputs(folder, stage).model_copy(update={"reused": True})
    except (InputError, OSError, ValueError):  # of a name that no file can have
        return None


def versions() -> dict[str, str]:
    """Give the versions of what reads and writes the data."""
    return {"python": sys.version.split()[0]} | {name: metadata.version(name) for name in VERSIONS}
