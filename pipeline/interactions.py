"""The ingest stage: raw lines to interactions, and the bad ones set aside with their reason."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import DataConfig
from pipeline.engine import Engine, open_engine
from pipeline.errors import InputError
from pipeline.files import digest_file
from pipeline.folder import building
from pipeline.formats import AUTO, FORMATS
from pipeline.lines import Lines
from pipeline.manifest import Manifest, Recorder, find_reusable, stage_key
from pipeline.raw_files import list_files
from pipeline.recognition import build_fields, fitting_formats, head_of, look, recognise
from pipeline.schemas import INTERACTIONS, REJECTS, check_file
from pipeline.table import is_parquet, parquet_columns, parquet_layout, text_layout

OUTPUTS = ["interactions.parquet", "rejects.parquet"]
SETTINGS = ("format", "table", "member", "allow_truncated", "max_rejects")
"""The part of DataConfig that decides what this stage writes."""
ROWS_AT_ONCE = 491_520
EXAMPLES = 3


def ingest(raw: Sequence[Path], out: Path, config: DataConfig) -> Manifest:
    """Read a raw dump into `out`: interactions.parquet, rejects.parquet and manifest.json.

    Errors: InputError for files that cannot be read, that hold no good row, or more bad ones than
    `max_rejects` allows.
    """
    files = list_files(list(raw))
    if config.format == AUTO:
        name, table = recognise(files, config.member)
        config = config.model_copy(update={"format": name, "table": config.table or table})
    settings = config.model_dump(mode="json", include=set(SETTINGS))
    inputs = {f"{number} {path.name}": digest_file(path) for number, path in enumerate(files, 1)}
    _refuse_copies(files, inputs)
    reusable = find_reusable(out, "ingest", stage_key("ingest", settings, inputs))
    if reusable:
        return reusable
    recorder = Recorder("ingest", settings, inputs)
    with building(out) as work:
        with open_engine(work, config.memory, config.threads) as engine:
            lines = _connect(engine, files, config)
            with RowFiles(work, lines) as rows:
                for batch in _parsed(engine, lines):
                    rows.add(batch)
        if rows.good == 0:
            raise InputError(_no_good_row(files, config, rows))
        if rows.bad > config.max_rejects * (rows.good + rows.bad):
            raise InputError(_too_many(files, config, rows))
        recorder.rows |= {
            "raw": rows.good + rows.bad,
            "interactions": rows.good,
            "rejects": rows.bad,
            "truncated files": len(lines.truncated),
        }
        told = sorted(rows.reasons.items(), key=lambda entry: (-entry[1], entry[0]))
        recorder.rows |= {f"rejected: {reason}": number for reason, number in told}
        for name in OUTPUTS:
            check_file(work / name)
        return recorder.write(work, out, OUTPUTS)


def _refuse_copies(files: list[Path], inputs: dict[str, str]) -> None:
    seen: dict[str, Path] = {}
    for file, digest in zip(files, inputs.values(), strict=True):
        if digest in seen:
            raise InputError(
                f"{file}: the same content as {seen[digest]}; every row would count twice: "
                "name it once"
            )
        seen[digest] = file


def _connect(engine: Engine, files: list[Path], config: DataConfig) -> Lines:
    """Make `fields` out of the files."""
    known, table = FORMATS[config.format], config.table
    lines = Lines(files, config.member or known.member, False, config.allow_truncated)
    if len({is_parquet(file) for file in files}) > 1:
        raise InputError(f"{files[0]}: Parquet and other files together; prepare them one by one")
    statements = known.statements
    if table is not None and config.format == "table":
        _set_time_format(engine, table.time_format or "%Y")
        if is_parquet(files[0]):
            engine.values("layout", **parquet_layout(files, table))
            engine.register("columns", parquet_columns(files, table, lines))
            statements = statements[-1:]
        else:
            engine.values("layout", **text_layout(files, table, lines.member))
            lines.quoted = table.quotes
    if statements == known.statements:
        engine.register("lines", lines.reader())
    build_fields(engine, statements)
    return lines


def _set_time_format(engine: Engine, form: str) -> None:
    engine.variable("time_format", form)
    try:
        engine.rows("15_time_format")
    except duckdb.Error as exc:
        raise InputError(f"data.table.time_format (--time-format) {form!r} is not known") from exc


def _parsed(engine: Engine, lines: Lines) -> Iterator[pa.RecordBatch]:
    try:
        yield from engine.batches("10_parsed", ROWS_AT_ONCE)
    except (duckdb.Error, pa.ArrowException, OSError) as exc:
        raise (lines.error or exc) from None


class RowFiles:
    """The two files that rows go to, written in a thread of its own, in the order of the rows."""

    def __init__(self, work: Path, lines: Lines) -> None:
        self.lines = lines
        self.bad_of: Counter[int] = Counter()  # by the place of the file
        self.good = self.bad = self.last_row = 0
        self.reasons: Counter[str] = Counter()
        self.examples: list[str] = []
        # Ids rarely repeat within a row group, so a dictionary only costs time.
        own = {"compression": "lz4", "use_dictionary": ["rating", "timestamp"]}
        self.writers = (
            pq.ParquetWriter(work / OUTPUTS[0], INTERACTIONS, **own),
            pq.ParquetWriter(work / OUTPUTS[1], REJECTS, compression="zstd"),
        )
        self.pool = ThreadPoolExecutor(1)
        self.pending: list[Future[None]] = []

    def __enter__(self) -> "RowFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()
        for writer in self.writers:
            writer.close()
        for written in self.pending:
            written.result()

    def add(self, batch: pa.RecordBatch) -> None:
        """Write a batch of parsed lines; not more than two wait for the disk."""
        while len(self.pending) > 1:
            self.pending.pop(0).result()
        if len(batch) == 0:
            return
        if batch["row"][0].as_py() <= self.last_row:
            raise AssertionError("rows came out of order")
        self.last_row = batch["row"][-1].as_py()
        self.pending.append(self.pool.submit(self._write, batch))

    def _write(self, batch: pa.RecordBatch) -> None:
        is_good = pc.is_null(batch["reason"])
        num_good = pc.sum(is_good).as_py() or 0
        bad = batch.filter(pc.invert(is_good)) if num_good < len(batch) else batch.slice(0, 0)
        good = batch.filter(is_good) if len(bad) else batch
        self.good, self.bad = self.good + len(good), self.bad + len(bad)
        for writer, part in zip(self.writers, (good, bad), strict=True):
            if len(part):
                table = pa.Table.from_batches([part]).select(writer.schema.names)
                writer.write_table(table.cast(writer.schema))
        for entry in pc.value_counts(bad["reason"]).to_pylist() if len(bad) else []:
            self.reasons[entry["values"]] += entry["counts"]
        places = np.searchsorted(self.lines.starts, np.asarray(bad["row"]), side="right")
        self.bad_of.update(places.tolist())
        for row in bad.slice(0, EXAMPLES - len(self.examples)).to_pylist():
            self.examples.append(f"row {row['row']} {row['reason']}: {row['line'][:60]!r}")

    @property
    def worst(self) -> Path:
        """The file with most bad rows."""
        place = self.bad_of.most_common(1)[0][0] if self.bad_of else 1
        return self.lines.files[max(place, 1) - 1]


def _no_good_row(files: list[Path], config: DataConfig, rows: RowFiles) -> str:
    """Say what the dump looks like and what would work."""
    if rows.bad == 0:
        return f"{files[0]}: no line with anything on it; get the dump again"
    if is_parquet(files[0]):
        return f"{files[0]}: no row can be used ({_told(rows)}); {'; '.join(rows.examples)}"
    head = head_of(files, config.member or FORMATS[config.format].member)
    start = str(head["text"][0]).strip()[:60]
    others = [name for name in fitting_formats(head) if name != config.format]
    advice = f"try --format {' or '.join(others)}" if others else look(start)
    return (
        f"{files[0]}: not one of {rows.bad} lines is a row of {config.format} ({_told(rows)}); "
        f"it begins {start!r}; {_hint(rows, config) or advice}"
    )


def _too_many(files: list[Path], config: DataConfig, rows: RowFiles) -> str:
    total = rows.good + rows.bad
    of_all = f" of all {len(files)} files" if len(files) > 1 else ""
    hint = _hint(rows, config)
    if not hint and not is_parquet(rows.worst):
        member = config.member or FORMATS[config.format].member
        start = str(head_of([rows.worst], member)["text"][0]).strip()
        hint = look(start) if start[:1] in ("<", "[") or start == "{" else ""
    return (
        f"{rows.worst}: {rows.bad:,} of {total:,} rows{of_all} ({rows.bad / total:.1%}) cannot be "
        f"used, over the limit of {config.max_rejects:.1%} ({_told(rows)}); "
        f"{'; '.join(rows.examples)}; {hint or 'look at them'}, or raise data.max_rejects "
        "(--max-rejects)"
    )


def _told(rows: RowFiles) -> str:
    return ", ".join(f"{reason} {number}" for reason, number in rows.reasons.most_common())


def _hint(rows: RowFiles, config: DataConfig) -> str:
    """Say what the commonest reason may come from."""
    reason = rows.reasons.most_common(1)[0][0] if rows.reasons else ""
    if reason not in ("time_out_of_range", "bad_time"):
        return ""
    wrong = {
        "time_out_of_range": "times outside 1990-2099: are they in another unit?",
        "bad_time": "times of an unknown form:",
    }[reason]
    if config.table is not None and config.format == "table":
        others = "iso or another --time-unit" if reason == "bad_time" else "another --time-unit"
        now = config.table.time_format or config.table.time_unit
        return f"{wrong} they are read as {now}; give {others}, or --time-format '%d/%m/%Y'"
    return (
        f"{wrong} {config.format} has {FORMATS[config.format].times}; if the dump has others, make "
        "a CSV of it and read that with --format table and --time-unit or --time-format"
    )
