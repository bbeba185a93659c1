"""The ingest stage: raw lines to interactions, and the bad ones set aside with their reason."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.config import DataConfig
from pipeline.engine import Engine, open_engine
from pipeline.errors import InputError
from pipeline.files import digest_file
from pipeline.folder import building
from pipeline.formats import FORMATS
from pipeline.lines import Lines, list_files
from pipeline.manifest import Manifest, Recorder, find_reusable, stage_key
from pipeline.schemas import INTERACTIONS, REJECTS, check_file

OUTPUTS = ["interactions.parquet", "rejects.parquet"]
SETTINGS = ("format",)
"""The part of DataConfig that decides what this stage writes."""


def ingest(raw: Sequence[Path], out: Path, config: DataConfig) -> Manifest:
    """Read a raw dump into `out`: interactions.parquet, rejects.parquet and manifest.json.

    Errors: InputError for files that cannot be read or hold no good row.
    """
    files = list_files(list(raw))
    settings = config.model_dump(mode="json", include=set(SETTINGS))
    inputs = {f"{number} {path.name}": digest_file(path) for number, path in enumerate(files, 1)}
    reusable = find_reusable(out, "ingest", stage_key("ingest", settings, inputs))
    if reusable:
        return reusable
    recorder = Recorder("ingest", settings, inputs)
    with building(out) as work:
        with open_engine(work, config.memory, config.threads) as engine:
            _parse(engine, files, config.format)
            counts = {row["reason"]: row["num_rows"] for row in engine.rows("13_reject_counts")}
            good = engine.write("11_interactions", work / OUTPUTS[0], INTERACTIONS)
            bad = engine.write("12_rejects", work / OUTPUTS[1], REJECTS)
        if good == 0:
            raise InputError(_no_good_row(files, config.format, bad, counts))
        recorder.rows |= {"raw": good + bad, "interactions": good, "rejects": bad}
        recorder.rows |= {f"rejected: {reason}": number for reason, number in counts.items()}
        for name in OUTPUTS:
            check_file(work / name)
        return recorder.write(work, out, OUTPUTS)


def _parse(engine: Engine, files: list[Path], format_name: str) -> None:
    lines = Lines(files)
    engine.register("lines", lines.reader())
    engine.view("fields", FORMATS[format_name].statement)
    try:
        engine.table("parsed", "10_parsed")
    except duckdb.Error as exc:
        raise (lines.error or exc) from None


def fitting_formats(lines: pa.Table) -> list[str]:
    """Give the formats under which most of these lines are good rows."""
    fitting = []
    with open_engine(Path(tempfile.gettempdir()), "512MB", 1) as engine:
        engine.register("lines", lines)
        for name, known in FORMATS.items():
            engine.view("fields", known.statement)
            engine.table("parsed", "10_parsed")
            bad = sum(row["num_rows"] for row in engine.rows("13_reject_counts"))
            if bad < len(lines) / 2:
                fitting.append(name)
    return fitting


def _no_good_row(files: list[Path], format_name: str, bad: int, counts: dict[str, Any]) -> str:
    """Say what the dump looks like and what would work."""
    first = next((batch for batch in Lines(files).reader() if len(batch)), None)
    if first is None:
        return f"{files[0]}: no line with anything on it; get the dump again"
    head = pa.Table.from_batches([first]).slice(0, 200)
    start = str(head["text"][0]).strip()[:60]
    others = fitting_formats(head)
    reasons = ", ".join(f"{reason} {number}" for reason, number in counts.items())
    advice = f"try --format {' or '.join(others)}" if others else _look(start)
    return (
        f"{files[0]}: not one of {bad} lines is a row of {format_name} ({reasons}); "
        f"it begins {start!r}; {advice}"
    )


def _look(start: str) -> str:
    """Say what the first line looks like."""
    if start.startswith("<"):
        return "it looks like an HTML page: get the dump itself"
    if start.startswith("["):
        return "it looks like a JSON array: write one object a line"
    if start == "{":
        return "it looks like pretty-printed JSON: write one object a line"
    if start.startswith("{'"):
        return "it looks like Python literals, not JSON: convert it to strict JSON lines"
    return f"known formats: {', '.join(FORMATS)}"
