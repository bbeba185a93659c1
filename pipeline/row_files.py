"""The two files that parsed rows go to: the good ones, and the bad ones with their reason."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.files import DigestedSink
from pipeline.lines import Lines
from pipeline.schemas import INTERACTIONS, REJECTS

OUTPUTS = ["interactions.parquet", "rejects.parquet"]
INTERACTIONS_FILE: dict[str, Any] = {
    "compression": {"user": "none", "item": "none"}
    | dict.fromkeys(("rating", "timestamp", "row"), "lz4"),
    "use_dictionary": ["rating"],
    "column_encoding": {"timestamp": "DELTA_BINARY_PACKED", "row": "DELTA_BINARY_PACKED"},
}
"""How the interactions are written: ids hardly repeat or shrink, so that packing them costs more
time than it saves."""
GROUP_ROWS = {"interactions.parquet": 491_520, "rejects.parquet": 122_880}
BAD_AT_ONCE = 1000
"""Bad rows of a batch up to which it is cut into pieces rather than copied."""
EXAMPLES = 3


class GroupWriter:
    """A Parquet file in row groups of one size: the same bytes however its rows come in batches."""

    def __init__(self, path: Path, schema: pa.Schema, **how: Any) -> None:
        self.schema, self.group_rows = schema, GROUP_ROWS[path.name]
        self.sink = DigestedSink(path)
        self.writer = pq.ParquetWriter(self.sink, schema, **how)
        self.held = [schema.empty_table()]  # rows that do not fill a row group yet

    def add(self, rows: pa.Table) -> None:
        """Add rows."""
        self.held.append(rows.select(self.schema.names).cast(self.schema))
        self._write(self.group_rows)

    def _write(self, least: int) -> None:
        held = pa.concat_tables(self.held)
        while len(held) >= least:
            # In one piece, since where pages end depends on where pieces do.
            self.writer.write_table(held.slice(0, self.group_rows).combine_chunks())
            held = held.slice(self.group_rows)
        self.held = [held]

    def close(self) -> None:
        """Write what is left and close the file."""
        try:
            self._write(1)
            self.writer.close()
        finally:
            self.writer.is_open = False  # where it could not be closed, it would be tried again
            self.sink.close()


class RowFiles:
    """The two files that rows go to, written in a thread of its own, in the order of the rows."""

    def __init__(self, work: Path, lines: Lines) -> None:
        self.lines = lines
        self.good_of: Counter[int] = Counter()  # by the place of the file, from 1
        self.bad_of: Counter[int] = Counter()
        self.good = self.bad = self.taken = self.last_row = 0
        self.reasons: Counter[str] = Counter()
        self.examples: list[str] = []
        self.writers = [
            GroupWriter(work / OUTPUTS[0], INTERACTIONS, **INTERACTIONS_FILE),
            GroupWriter(work / OUTPUTS[1], REJECTS, compression="zstd"),
        ]
        self.pool = ThreadPoolExecutor(1)
        self.pending: list[Future[None]] = []

    def __enter__(self) -> "RowFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()
        try:
            for written in self.pending:
                written.result()
        finally:
            with ExitStack() as closing:  # both, whatever becomes of the first
                for writer in self.writers:
                    closing.callback(writer.close)

    def take(self, folder: Path, stop: int) -> None:
        """Write the rows before `stop` of an earlier read, as they are in its files."""
        for name, put in zip(OUTPUTS, (self._put_good, self._put_bad), strict=True):
            for batch in pq.ParquetFile(folder / name).iter_batches(GROUP_ROWS[name]):
                kept = batch.slice(0, int(np.searchsorted(batch["row"], stop)))
                self.taken += len(kept)
                self._submit(put, pa.Table.from_batches([kept]))
        self.last_row = stop - 1

    def add(self, batch: pa.RecordBatch) -> None:
        """Write a batch of parsed lines."""
        if len(batch) == 0:
            return
        if batch["row"][0].as_py() <= self.last_row:
            raise AssertionError("rows came out of order")
        self.last_row = batch["row"][-1].as_py()
        self._submit(self._write, batch)

    def _submit(self, write: Callable[[Any], None], rows: Any) -> None:
        """Hand rows to the thread that writes; not more than two wait for the disk."""
        while len(self.pending) > 1:
            self.pending.pop(0).result()
        self.pending.append(self.pool.submit(write, rows))

    def _write(self, batch: pa.RecordBatch) -> None:
        places = np.flatnonzero(np.asarray(pc.is_valid(batch["reason"])))
        self._put_good(_without(batch.select(INTERACTIONS.names), places))
        if len(places):
            self._put_bad(pa.Table.from_batches([batch.take(pa.array(places))]))

    def _put_good(self, good: pa.Table) -> None:
        self.good += len(good)
        self.writers[0].add(good)
        self._count(self.good_of, good["row"])

    def _put_bad(self, bad: pa.Table) -> None:
        self.bad += len(bad)
        self.writers[1].add(bad)
        for entry in pc.value_counts(bad["reason"]).to_pylist():
            self.reasons[entry["values"]] += entry["counts"]
        self._count(self.bad_of, bad["row"])
        for row in bad.slice(0, EXAMPLES - len(self.examples)).to_pylist():
            self.examples.append(f"row {row['row']} {row['reason']}: {row['line'][:60]!r}")

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the files, when they are closed."""
        files = zip(OUTPUTS, self.writers, strict=True)
        return {name: writer.sink.digest.hexdigest() for name, writer in files}

    def _count(self, of: Counter[int], rows: pa.ChunkedArray) -> None:
        """Count rows by their file; all of them at once where they are of one."""
        if len(rows) == 0:
            return
        starts = self.lines.starts
        first, last = (np.searchsorted(starts, rows[n].as_py(), "right") for n in (0, -1))
        if first == last:
            of[int(first)] += len(rows)
        else:
            of.update(np.searchsorted(starts, np.asarray(rows), "right").tolist())

    @property
    def hopeless(self) -> Path | None:
        """A file of which not one row could be used, where there is one among others."""
        places = [place for place in self.bad_of if not self.good_of[place]]
        return self.lines.files[places[0] - 1] if places else None

    def bad_in(self, file: Path) -> int:
        """How many rows of a file could not be used."""
        return self.bad_of[self.lines.files.index(file) + 1]

    @property
    def worst(self) -> Path:
        """The file with most bad rows."""
        place = self.bad_of.most_common(1)[0][0] if self.bad_of else 1
        return self.lines.files[max(place, 1) - 1]


def _without(batch: pa.RecordBatch, places: np.ndarray) -> pa.Table:
    """Leave out the rows at some places; few of them cost nothing, since nothing is copied."""
    if len(places) > BAD_AT_ONCE:
        is_kept = np.ones(len(batch), dtype=bool)
        is_kept[places] = False
        return pa.Table.from_batches([batch.filter(pa.array(is_kept))])
    starts = np.concatenate([[0], places + 1])
    stops = np.concatenate([places, [len(batch)]])
    pieces = [batch.slice(a, b - a) for a, b in zip(starts, stops, strict=True) if b > a]
    return pa.Table.from_batches(pieces, batch.schema)
