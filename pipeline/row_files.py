"""The two files that parsed rows go to: the good ones, and the bad ones with their reason."""

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
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
GROUP_ROWS = 491_520
BAD_AT_ONCE = 1000
"""Bad rows of a batch up to which it is cut into pieces rather than copied."""
EXAMPLES = 3


class RowFiles:
    """The two files that rows go to, written in a thread of its own, in the order of the rows."""

    def __init__(self, work: Path, lines: Lines) -> None:
        self.lines = lines
        self.good_of: Counter[int] = Counter()  # by the place of the file, from 1
        self.bad_of: Counter[int] = Counter()
        self.good = self.bad = self.last_row = 0
        self.reasons: Counter[str] = Counter()
        self.examples: list[str] = []
        self.sinks = [DigestedSink(work / name) for name in OUTPUTS]
        self.writers = [
            pq.ParquetWriter(self.sinks[0], INTERACTIONS, **INTERACTIONS_FILE),
            pq.ParquetWriter(self.sinks[1], REJECTS, compression="zstd"),
        ]
        self.held: list[pa.Table] = []  # good rows that do not fill a row group yet
        self.pool = ThreadPoolExecutor(1)
        self.pending: list[Future[None]] = []

    def __enter__(self) -> "RowFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()
        try:
            for written in self.pending:
                written.result()
            self._write_groups(1)
            for writer in self.writers:
                writer.close()
        finally:
            for writer, sink in zip(self.writers, self.sinks, strict=True):
                writer.is_open = False  # where it could not be closed, it would be tried again
                sink.close()

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
        places = np.flatnonzero(np.asarray(pc.is_valid(batch["reason"])))
        bad = pa.Table.from_batches([batch.take(pa.array(places))])
        good = _without(batch.select(INTERACTIONS.names), places)
        self.good, self.bad = self.good + len(good), self.bad + len(bad)
        self.held.append(good.cast(INTERACTIONS))
        self._write_groups(GROUP_ROWS)
        if len(bad):
            self.writers[1].write_table(bad.select(REJECTS.names).cast(REJECTS))
        for entry in pc.value_counts(bad["reason"]).to_pylist() if len(bad) else []:
            self.reasons[entry["values"]] += entry["counts"]
        self._count(self.good_of, good["row"])
        self._count(self.bad_of, bad["row"])
        for row in bad.slice(0, EXAMPLES - len(self.examples)).to_pylist():
            self.examples.append(f"row {row['row']} {row['reason']}: {row['line'][:60]!r}")

    def _write_groups(self, least: int) -> None:
        """Write the held rows in groups of one size, however the batches were cut."""
        held = pa.concat_tables(self.held) if self.held else INTERACTIONS.empty_table()
        while len(held) >= least:
            self.writers[0].write_table(held.slice(0, GROUP_ROWS))
            held = held.slice(GROUP_ROWS)
        self.held = [held]

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the files, when they are closed."""
        sinks = zip(OUTPUTS, self.sinks, strict=True)
        return {name: sink.digest.hexdigest() for name, sink in sinks}

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
