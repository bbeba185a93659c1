"""What nothing in a data folder refers to: found by rules, and removed whole.

What bears a name that somebody gave it (a dataset, a run, a sweep, a search) is never garbage.
Links are followed to learn what is referred to, never to remove.
"""

import csv
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import basrec.errors
from basrec.files import UNFINISHED as HALF_WRITTEN
from basrec.files import read_json
from flows.lock import folder_lock, holder, lock_beside, locks_folder
from flows.publish_config import PublishConfig
from flows.versions import read_publication, surplus, versions
from pipeline.errors import InputError

UNFINISHED = (".partial", ".old")
TEMPORARY = re.compile(r"\.(?P<name>.+)-[a-z0-9_]{8}(?P<old>\.old)?")
"""A folder that Python's tempfile has named, beside the place of the one that it becomes."""
OF_SEARCHES = ("trial-", "stage1-")
LEFT_ALONE = ("raw", "locks")
"""A broken-off download goes on where it was; locks tell by themselves whether they are held."""
SECONDS_AN_HOUR = 3600.0
Found = Iterator[tuple[Path, str]]


@dataclass(frozen=True)
class Garbage:
    """A file or folder that nothing refers to."""

    path: Path
    why: str
    size_bytes: int


def find_garbage(
    data: Path, older_than_hours: float = 24.0, keep: int | None = None
) -> tuple[list[Garbage], int]:
    """Find what nothing refers to; tell too how much of it is too young to go.

    `keep` is how many published versions stay, instead of what they were published with.
    Errors: InputError where it cannot be known what a sweep refers to.
    """
    runs = dict(_runs_of_sweeps(data))
    rules = [*_left_over(data), *runs.items(), *_generated(data, set(runs)), *_trials(data)]
    now = time.time()
    latest = now - older_than_hours * SECONDS_AN_HOUR
    found = {path: why for path, why in rules if min(_touched(path), now) <= latest}
    num_young = len(dict(rules)) - len(found)
    found |= dict(_superseded(data, keep))  # numbers decide about these, not times
    outermost = [path for path in sorted(found) if not found.keys() & set(path.parents)]
    return [Garbage(path, found[path], _size(path)) for path in outermost], num_young


def remove(path: Path) -> None:
    """Remove a file or folder: out of the way by one rename, so that no half of it is ever seen."""
    beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=".gc-"))
    path.rename(beside / path.name)
    shutil.rmtree(beside)


def who_works(data: Path) -> str | None:
    """Say what is under way in a data folder, if anything is."""
    locks = [*locks_folder(data).glob("*.lock"), *(data / "sweeps" / "locks").glob("*.lock")]
    for path in [*locks, *(data / "searches").glob("*/lock"), folder_lock(data)]:
        told = holder(path)
        if told:
            return f"{path}: held by {told}"
    return None


def _folders(place: Path, with_links: bool = False) -> list[Path]:
    """Give the folders in a place; where links are left out, none if the place is one itself."""
    if not place.is_dir() or (place.is_symlink() and not with_links):
        return []
    found = (path for path in place.iterdir() if path.is_dir())
    return sorted(path for path in found if with_links or not path.is_symlink())


def _left_over(data: Path) -> Found:
    """Find what a process worked in when it was killed."""
    for top in (path for path in _folders(data) if path.name not in LEFT_ALONE):
        for here, names, files in os.walk(top):
            for name in list(names):
                path = Path(here) / name
                if _is_left_over(path):
                    names.remove(name)
                    yield path, "left by a process that was killed"
            for name in (name for name in files if HALF_WRITTEN.fullmatch(name)):
                yield Path(here) / name, "left half-written"


def _is_left_over(folder: Path) -> bool:
    """Tell by its name a folder to work in; but one whose owner lives, or that alone is whole."""
    if folder.is_symlink():
        return False
    temporary = TEMPORARY.fullmatch(folder.name)
    if temporary:
        return not temporary["old"] or folder.with_name(temporary["name"]).is_dir()
    out = folder.with_name(folder.name.removesuffix(folder.suffix))
    if folder.suffix == ".copy":
        return folder.parent.name == "sweeps"
    if folder.suffix not in UNFINISHED or holder(lock_beside(out)):
        return False
    return folder.suffix == ".partial" or out.is_dir()


def _runs_of_sweeps(data: Path) -> Found:
    """Find runs that no sweep lists, no version came from and no such run has begun with."""
    named = {(data / run).resolve() for run in (*_listed(data), *_published_from(data))}
    of_datasets = _folders(data / "runs", with_links=True)
    places = [run for each in of_datasets for run in _folders(each / "sweeps", with_links=True)]
    bases = {_manifest(run).get("stage1_key") for run in places if run.resolve() in named}
    for each in _folders(data / "runs"):
        for run in _folders(each / "sweeps"):
            told = _manifest(run)
            is_base = told.get("config", {}).get("method") == "base"
            is_begun_with = is_base and told.get("stage1_key") in bases
            if told and run.resolve() not in named and not is_begun_with:
                yield run, "no sweep lists it"


def _generated(data: Path, gone: set[Path]) -> Found:
    """Find generated items whose run is gone; those of sweeps, where no run has a copy of them."""
    for each in _folders(data / "generated"):
        runs = data / "runs" / each.name
        for folder in _folders(each):
            ends = ("", ".partial")
            if _manifest(folder) and not any(
                (runs / f"{folder.name}{end}").is_dir() for end in ends
            ):
                yield folder, "its run is gone"
        left = [run for run in _folders(runs / "sweeps", with_links=True) if run not in gone]
        used = {_manifest(run / "generated").get("key") for run in left}
        for folder in _folders(each / "sweeps"):
            if _manifest(folder) and _manifest(folder).get("key") not in used:
                yield folder, "no run uses it"


def _trials(data: Path) -> Found:
    """Find the trials of searches that are gone."""
    for each in _folders(data / "runs"):
        trials = each / "search"
        if trials not in _folders(each) or (data / "searches" / each.name).is_dir():
            continue
        if all(path.name.startswith(OF_SEARCHES) for path in trials.iterdir()):
            yield trials, "its search is gone"


def _superseded(data: Path, keep: int | None) -> Found:
    """Find published and refused versions beyond the last ones."""
    for folder in _folders(data / "published"):
        noted = [read_publication(version).get("keep") for version in versions(folder)]
        known = [own for own in noted if isinstance(own, int) and own > 0]
        number = keep or [PublishConfig().keep, *known][-1]
        for version in surplus(folder, number):
            yield version, f"older than the last {number}"


def _listed(data: Path) -> Iterator[str]:
    """Give the runs that the results of sweeps list."""
    for results in (data / "sweeps").glob("*/results.csv"):
        try:
            with results.open(newline="", encoding="utf-8") as file:
                listed = [row["run"] for row in csv.DictReader(file) if row["run"]]
                yield from (str((data / run).resolve()) for run in listed)
        except (OSError, KeyError, ValueError, csv.Error) as exc:
            raise InputError(
                f"{results}: cannot be read ({exc!r}), so that nobody knows which runs it lists; "
                "sweep again, or remove the folder"
            ) from exc


def _published_from(data: Path) -> Iterator[str]:
    """Give the runs, from the data folder, that published versions are copies of."""
    for folder in _folders(data / "published", with_links=True):
        for version in versions(folder):
            told = read_publication(version).get("run")
            folder_of = str(told.get("folder", "")) if isinstance(told, dict) else ""
            yield folder_of.partition("\0")[0]  # which no path may hold


def _manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a run or generation; nothing where there is none that can be read."""
    try:
        told = read_json(folder / "manifest.json")
    except basrec.errors.InputError:
        return {}
    return told if isinstance(told, dict) else {}


def _touched(path: Path) -> float:
    """Give when anything within was last written, in seconds since 1970."""
    within = (Path(here) / name for here, _, files in os.walk(path) for name in files)
    return max(entry.lstat().st_mtime for entry in (path, *within))


def _size(path: Path) -> int:
    within = (Path(here) / name for here, _, files in os.walk(path) for name in files)
    return sum(entry.lstat().st_size for entry in ([path] if path.is_file() else within))
