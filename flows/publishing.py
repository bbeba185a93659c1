"""Publish a run: a whole copy of it and of its data as the next version, if it passes the checks.

Files are copied, not linked: a linked file is the one of the run folder, and what is done to that
one in place would be done to the published one.
"""

import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import yaml

from basrec.errors import BasrecError, MachineError
from basrec.files import digest_file, digest_value, read_json, write_json
from basrec.run_folder import OUTPUTS
from flows.config import RunConfig
from flows.folders import Folders
from flows.publish_checks import Check, check_all
from flows.versions import (
    PUBLICATION,
    REFUSAL,
    REFUSED,
    ROLLED_BACK,
    current,
    is_whole,
    next_number,
    read_publication,
    switch,
    sync,
    version_before,
    versions,
)
from pipeline.errors import InputError
from pipeline.folder import building

Record = dict[str, Any]
FOR_RESUMING = "checkpoint.pt"
"""Of a run, what only a training that goes on reads; it is larger than all the rest."""
RUN_FILES = (
    *(name for name in OUTPUTS if name != FOR_RESUMING),
    *("environment.json", "manifest.json"),
)
PREPARED_FILES = (
    *("items.parquet", "users.parquet", "sequences.parquet", "neighbours.parquet"),
    *("item_details.parquet", "passport.json", "passport.html", "manifest.json"),
)
CONTENT = (".parquet", ".safetensors", "metrics.json")
"""How the names end of the files that make a version what it is: the rest tells of times and
places."""


class Refused(BasrecError):
    """A run was not published, because a check did not hold."""


@dataclass(frozen=True)
class Published:
    """What came of publishing, in a word and in a line."""

    outcome: Literal["published", "unchanged", "rolled back"]
    version: Path
    told: str


def publish(
    config: RunConfig,
    data: Path,
    method: str | None = None,
    run: Path | None = None,
    again: bool = False,
) -> Published:
    """Publish the run of a method, or a run folder; to be called with the dataset's lock held.

    `again` publishes a run that was rolled back.
    Errors: Refused where a check does not hold; InputError where there is nothing to publish.
    """
    folders = Folders(data, config.name)
    run = run or folders.run(config, method or config.publish.method or config.methods[-1])
    if not (run / "manifest.json").is_file():
        raise InputError(f"{run}: no finished run; train it first, or name another (--method)")
    if not folders.prepared.is_dir():
        raise InputError(f"{folders.prepared}: no prepared folder, which a version needs too")
    files = _files(run, folders.prepared)
    digests = {name: digest_file(path) for name, path in files.items()}
    digest = digest_value({k: v for k, v in digests.items() if k.endswith(CONTENT)})
    last = current(folders.published)
    same = _same(folders.published, digest, last, again)
    if same:
        return same
    compared = last if last is None or is_whole(last) else version_before(folders.published, last)
    checks = check_all(run, folders.prepared, compared, config.publish)
    record = {
        "dataset": config.name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "before": last.name if last else None,
        "compared_with": compared.name if compared else None,
        "digest": digest,
        "run": _told_run(run, data),
        "keep": config.publish.keep,
        "checks": [asdict(check) for check in checks],
        "version_of_basrec": metadata.version("basrec"),
    }
    if not all(check.passed for check in checks):
        raise _refuse(folders.published, files, digests, record, checks)
    version = folders.published / next_number(folders.published)
    _write(version, files, digests, record, PUBLICATION)
    switch(folders.published, version)
    return Published("published", version, f"version {version.name}, from {run}")


def _files(run: Path, prepared: Path) -> dict[str, Path]:
    """Give the files that there are of a run and its data, by their name in a version."""
    generated = run / "generated"
    within = generated.iterdir() if generated.is_dir() else []
    names = {f"run/{name}": run / name for name in RUN_FILES}
    names |= {f"run/generated/{p.name}": p for p in within if p.name != FOR_RESUMING}
    names |= {f"prepared/{name}": prepared / name for name in PREPARED_FILES}
    return {name: path for name, path in sorted(names.items()) if path.is_file()}


def _told_run(run: Path, data: Path) -> Record:
    """Say which run it is: its folder from the data folder where it lies within, and its key."""
    place = run.resolve()
    within = place.is_relative_to(data.resolve())
    told = str(place.relative_to(data.resolve())) if within else str(place)
    return {"folder": told, "key": read_json(run / "manifest.json").get("key")}


def _same(folder: Path, digest: str, last: Path | None, again: bool) -> Published | None:
    """Find this very run among the versions: the current one, or one that was rolled back."""
    for version in reversed(versions(folder)):
        if read_publication(version).get("digest") != digest or not is_whole(version):
            continue
        if version == last:
            return Published("unchanged", version, f"this run is version {version.name} already")
        if (version / ROLLED_BACK).exists() and not again:
            told = (
                f"this run is version {version.name}, which was rolled back; --again publishes it"
            )
            return Published("rolled back", version, f"nothing done: {told}")
    return None


def _refuse(
    folder: Path,
    files: dict[str, Path],
    digests: dict[str, str],
    record: Record,
    checks: list[Check],
) -> Refused:
    """Keep a run aside with the reasons, once for each run; give the error that tells them."""
    kept = [path for path in versions(folder / REFUSED) if (path / REFUSAL).is_file()]
    same = [path for path in kept if read_json(path / REFUSAL).get("digest") == record["digest"]]
    place = same[-1] if same else folder / REFUSED / next_number(folder)
    if same:  # night after night: the reasons may be others
        write_json(place / REFUSAL, {**read_json(place / REFUSAL), **record})
    else:
        _write(place, files, digests, record, REFUSAL)
    told = " ".join("; ".join(check.told for check in checks if not check.passed).split())
    return Refused(f"{record['dataset']}: not published: {told}; kept in {place}")


def _write(
    place: Path, files: dict[str, Path], digests: dict[str, str], record: Record, name: str
) -> None:
    """Write a version whole: the files, then what is recorded of them."""
    with building(place) as work:
        for told, source in files.items():
            (work / told).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, work / told)
            if digest_file(work / told) != digests[told]:
                raise MachineError(f"{source}: changed while it was copied; publish again")
        if name == PUBLICATION:
            _point_at_own_data(work / "run", place.resolve() / "prepared")
        own = {told: digest_file(work / told) for told in files}
        write_json(work / name, {"version": place.name, **record, "files": own})
        for path in (*work.rglob("*"), work):
            sync(path)


def _point_at_own_data(run: Path, prepared: Path) -> None:
    """Let a copied run name the prepared folder beside it, which no later rebuild replaces."""
    config, manifest = run / "config.yaml", read_json(run / "manifest.json")
    values = {**yaml.safe_load(config.read_text()), "prepared": str(prepared)}
    config.write_text(yaml.safe_dump(values, sort_keys=False))
    outputs = {k: digest for k, digest in manifest["outputs"].items() if k != FOR_RESUMING}
    outputs[config.name] = digest_file(config)
    write_json(run / "manifest.json", {**manifest, "outputs": outputs})
