"""Tell that there is nothing to do, without reading large files again and without Prefect.

After a rebuild the marks of all its files are kept: path, size, inode, and the times of the last
change of content and of state. The system sets the last whenever a file is written to, and no
program can set it back, so a file whose marks are equal has the content that was read. Anything
else, a file that was merely touched too, goes the long way, where contents are compared.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from flows.config import RunConfig
from flows.folders import Folders
from flows.json_lines import append_line
from flows.nights import nights_of, read_nights
from flows.notify import check_notify, notify
from flows.progress import errors, warned
from pipeline.errors import InputError
from pipeline.files import digest_file, digest_value, read_json, write_json
from pipeline.raw_files import list_files
from pipeline.statements import sql_folder

Marks = dict[str, list[int]]
NOT_RESULTS = {"retry", "notify", "tracking", "verify", "lock"}
"""Keys that change nothing of what comes out."""
SETTLED_NS = 2_000_000_000
"""A file changed so shortly before it was marked could change again within one tick."""


def skip_unchanged(config: RunConfig, data: Path) -> bool:
    """Say that there is nothing new, and record the night, where that is so.

    Errors: InputError where the address of a hook is not there.
    """
    began = time.monotonic()
    check_notify(config.notify)
    known = unchanged_since(config, data)
    if known is None:
        return False
    now = datetime.now(UTC).isoformat(timespec="seconds")
    good = [night for night in read_nights(data, config.name) if night.get("outcome") == "done"]
    facts = {**(good[-1] if good else {}), "time": now, "run": None, "flow": "rebuild"}
    facts |= {"name": config.name, "outcome": "done", "reused": True}
    facts["seconds"] = round(time.monotonic() - began, 3)
    with warned("the history of nights"):
        append_line(nights_of(data, config.name), facts)
    report = Folders(data, config.name).report
    errors.print(
        f"rebuild: nothing new; raw files, config, code and results are those of {known}; "
        f"report: {report}",
        highlight=False,
        soft_wrap=True,
    )
    if config.notify.on == "always":
        notify(config.notify, facts)
    return True


def unchanged_since(config: RunConfig, data: Path) -> str | None:
    """Give the time of the last rebuild where it would come out the same, or None."""
    place = marks_of(data, config.name)
    if config.verify != "stat" or not place.is_file():
        return None
    try:
        known = read_json(place)
        same = known["key"] == _key(config, data) and known["files"] == _marks(config, data)
    except (InputError, OSError, KeyError, TypeError):  # the long way tells what is wrong
        return None
    return str(known["time"]) if same else None


def remember(config: RunConfig, data: Path, raw_before: Marks) -> None:
    """Keep the marks of a rebuild that went well.

    `raw_before` are those of the raw files before it began: what has changed since is not vouched
    for.
    """
    place = marks_of(data, config.name)
    marks = _marks(config, data)
    is_settled = all(max(mark[-2:]) < time.time_ns() - SETTLED_NS for mark in raw_before.values())
    if not raw_before or not is_settled or any(marks.get(k) != v for k, v in raw_before.items()):
        place.unlink(missing_ok=True)
        return
    now = datetime.now(UTC).isoformat(timespec="seconds")
    place.parent.mkdir(parents=True, exist_ok=True)  # in the first night there is no history yet
    write_json(place, {"time": now, "key": _key(config, data), "files": marks})


def raw_marks(config: RunConfig, data: Path) -> Marks:
    """Give the marks of the raw files and of the items' metadata; none where none are there."""
    raw = config.raw or [Folders(data, config.name).raw]
    try:
        files = list_files([*raw, *config.items])
    except InputError:
        return {}
    return {str(file.resolve()): _mark(file) for file in files}


def marks_of(data: Path, name: str) -> Path:
    """Give the file that the marks are kept in."""
    return data / "nights" / f"{name}.marks.json"


def _marks(config: RunConfig, data: Path) -> Marks:
    folders = Folders(data, config.name)
    runs = [folders.run(config, method) for method in config.methods]
    made = [folders.report]
    for folder in (folders.ingested, folders.prepared, *runs):
        if not (folder / "manifest.json").is_file():
            raise InputError(f"{folder}: not whole")
        made += sorted(path for path in folder.rglob("*") if path.is_file())
    return raw_marks(config, data) | {str(path.resolve()): _mark(path) for path in made}


def _mark(path: Path) -> list[int]:
    told = path.stat()
    return [told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns]


def _key(config: RunConfig, data: Path) -> str:
    """Digest what decides the results besides the raw files: config, place and code."""
    packages = [Path(__file__).parent.parent / name for name in ("basrec", "pipeline", "flows")]
    kinds = {".py", ".sql", ".j2", ".cpp", ".h"}
    sources = [path for folder in (*packages, sql_folder()) for path in folder.rglob("*")]
    code = sorted(f"{path} {digest_file(path)}" for path in sources if path.suffix in kinds)
    values = config.model_dump(mode="json", exclude=NOT_RESULTS)
    return digest_value([values, str(data.resolve()), code])
