"""The ingest stage: raw lines to interactions, and the bad ones set aside with their reason."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import DataConfig
from pipeline.earlier import Reading, Taken, find_earlier
from pipeline.engine import Engine, open_engine
from pipeline.errors import InputError
from pipeline.files import digest_file, digest_value
from pipeline.folder import building
from pipeline.formats import AUTO, FORMATS
from pipeline.lines import Lines
from pipeline.manifest import Manifest, Recorder, find_reusable, stage_key
from pipeline.raw_files import list_files, states_of, unchanged
from pipeline.recognition import build_fields, recognise, refuse_swapped
from pipeline.refusals import no_good_row, too_many
from pipeline.row_files import OUTPUTS, RowFiles
from pipeline.schemas import check_file
from pipeline.table import is_parquet, parquet_columns, parquet_layout, text_layout

SETTINGS = ("format", "table", "member", "allow_truncated", "max_rejects")
"""The part of DataConfig that decides what this stage writes."""
ROWS_AT_ONCE = 491_520


def ingest(
    raw: Sequence[Path], out: Path, config: DataConfig, before: Path | None = None
) -> Manifest:
    """Read a raw dump into `out`: interactions.parquet, rejects.parquet and manifest.json.

    What still holds of an earlier read is not parsed again: of that in the folder `before`, which
    may be a prepared one, or else in `out`.
    Errors: InputError for files that cannot be read, that hold no good row, or more bad ones than
    `max_rejects` allows.
    """
    files = list_files(list(raw))
    states = states_of(files)
    if config.format == AUTO:
        name, table = recognise(files, config.member, config.table)
        config = config.model_copy(update={"format": name, "table": table})
    settings = config.model_dump(mode="json", include=set(SETTINGS))
    _refuse_copies(files)
    earlier = find_earlier(before or out, settings)
    taken = earlier.compare(files) if earlier else Taken()
    if len(taken.whole) == len(files):
        inputs = _inputs(files, dict(zip(files, taken.digests, strict=True)))
        reusable = find_reusable(out, "ingest", stage_key("ingest", settings, inputs))
        if reusable:
            return reusable
    started = time.monotonic()
    with building(out) as work, unchanged(states):
        with open_engine(work, config.memory, config.threads) as engine:
            lines, layout = _connect(engine, files, config)
            with RowFiles(work, lines) as rows:
                if earlier and taken.starts and earlier.holds(layout):
                    lines.take(taken)
                    rows.take(earlier.manifest.folder, taken.next_row)
                for batch in _parsed(engine, lines):
                    rows.add(batch)
            if rows.good:
                refuse_swapped(engine, files[0], config.format, _first_rows(work / OUTPUTS[0]))
        if rows.good == 0:
            raise InputError(no_good_row(rows.worst, config, rows))
        if rows.bad > config.max_rejects * (rows.good + rows.bad):
            raise InputError(too_many(config, rows))
        if rows.hopeless and config.max_rejects < 1:
            raise InputError(no_good_row(rows.hopeless, config, rows))
        # Of the bytes that were read, so that a file changing meanwhile is noticed next time.
        inputs = _inputs(files, lines.digests)
        recorder = Recorder("ingest", settings, inputs, started)
        recorder.rows |= {
            "raw": rows.good + rows.bad,
            "interactions": rows.good,
            "rejects": rows.bad,
            "truncated files": len(lines.truncated),
            "taken over": rows.taken,
        }
        recorder.reading = Reading(
            layout=digest_value(layout), files=tuple(lines.reaches)
        ).model_dump()
        told = sorted(rows.reasons.items(), key=lambda entry: (-entry[1], entry[0]))
        recorder.rows |= {f"rejected: {reason}": number for reason, number in told}
        for name in OUTPUTS:
            check_file(work / name)
        return recorder.write(work, out, OUTPUTS, known=rows.digests)


def _first_rows(interactions: Path) -> pa.Table:
    batches = pq.ParquetFile(interactions).iter_batches(1000, columns=["user", "item"])
    return pa.Table.from_batches([next(batches)])


def _inputs(files: list[Path], known: dict[Path, str]) -> dict[str, str]:
    """Give the digest of each file by its place and name."""
    return {
        f"{number} {path.name}": known.get(path) or digest_file(path)
        for number, path in enumerate(files, 1)
    }


def _refuse_copies(files: list[Path]) -> None:
    """Refuse two files of one content; only those of one size are read for it."""
    sizes = Counter(file.stat().st_size for file in files)
    seen: dict[str, Path] = {}
    for file in files:
        if sizes[file.stat().st_size] == 1:
            continue
        first = seen.setdefault(digest_file(file), file)
        if first is not file:
            raise InputError(
                f"{file}: the same content as {first}; every row would count twice: name it once"
            )


def _connect(engine: Engine, files: list[Path], config: DataConfig) -> tuple[Lines, dict[str, Any]]:
    """Make `fields` out of the files; give also where a table's columns are."""
    layout: dict[str, Any] = {}
    known, table = FORMATS[config.format], config.table
    lines = Lines(files, config.member or known.member, allow_truncated=config.allow_truncated)
    if len({is_parquet(file) for file in files}) > 1:
        raise InputError(f"{files[0]}: Parquet and other files together; prepare them one by one")
    statements = known.statements
    if table is not None and config.format == "table":
        _set_time_format(engine, table.time_format or "%Y")
        if is_parquet(files[0]):
            layout = parquet_layout(files, table)
            engine.register("columns", parquet_columns(table, lines))
            statements = statements[-1:]
        else:
            layout = text_layout(files, table, lines.member)
            lines.delimiter = layout["delimiter"] if layout["field_pattern"] else None
    if statements == known.statements:
        engine.register("lines", lines.reader())
    engine.settings(**layout)
    build_fields(engine, statements)
    return lines, layout


def _set_time_format(engine: Engine, form: str) -> None:
    engine.settings(time_format=form)
    try:
        engine.rows("15_time_format")
    except duckdb.Error as exc:
        raise InputError(f"data.table.time_format (--time-format) {form!r} is not known") from exc


def _parsed(engine: Engine, lines: Lines) -> Iterator[pa.RecordBatch]:
    try:
        yield from engine.batches("10_parsed", ROWS_AT_ONCE)
    except (duckdb.Error, pa.ArrowException, OSError) as exc:
        raise (lines.error or exc) from None
