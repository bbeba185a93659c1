"""Raw files as Arrow batches of lines: bounded memory, nothing per row in Python.

Blank lines are not rows. A line keeps its number over all files, from 1, whatever becomes of it.
"""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.earlier import Reach, Taken
from pipeline.errors import InputError, PipelineError, TruncatedError
from pipeline.files import Begun
from pipeline.kinds import MARK
from pipeline.quotes import NEWLINE, RETURN, record_ends
from pipeline.streams import Digests, read_blocks

LONGEST_LINE = 64 << 20
"""A line beyond this is no review; the run stops rather than fill the memory."""
BLOCKS_AHEAD = 3
"""Blocks that are read and cut while the engine works on others."""

SCHEMA = pa.schema([("row", pa.int64()), ("text", pa.large_string()), ("problem", pa.string())])


@dataclass
class Lines:
    """All lines of some files as a stream of batches (row, text, problem).

    `problem` is null, 'not_utf8', or 'cut_off' for the line at which a file breaks off. An error
    met while the stream is read is kept in `error`: who reads through Arrow's C interface sees
    only its text.
    """

    files: list[Path]
    member: str = "*"
    """Which members of a tar archive are read."""
    delimiter: str | None = None
    """Between the fields of a table whose double quotes may hold line ends; null: no quotes."""
    allow_truncated: bool = False
    error: PipelineError | None = None
    truncated: list[Path] = field(default_factory=list)
    """The files of which only a part could be read."""
    starts: list[int] = field(default_factory=list)
    """The row at which each file begins."""
    digests: Digests = field(default_factory=dict)
    """SHA-256 of each file that was read to its end."""
    taken: Taken = field(default_factory=Taken)
    """What is not read again."""
    reaches: list[Reach] = field(default_factory=list)
    """How far each file was read."""
    _read: tuple[int, int, int] = (0, 0, 0)
    """Of a file, as far as it was read: its bytes, and bytes and number of lines with their end."""

    def take(self, taken: Taken) -> None:
        """Leave out what an earlier read gave, as if it had been read; before the stream is."""
        self.taken = taken
        self.starts += taken.starts
        self.reaches += taken.whole
        self.digests.update(zip(self.files, taken.digests, strict=False))
        whole = zip(self.files, taken.whole, strict=False)
        self.truncated += [file for file, reach in whole if reach.is_truncated]

    def reader(self) -> pa.RecordBatchReader:
        """Give the stream; it can be read once."""
        return pa.RecordBatchReader.from_batches(SCHEMA, _ahead(self._batches()))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        first, begun = self.taken.next_row, self.taken.begun
        try:
            for path in self.files[len(self.taken.whole) :]:
                if begun is None:
                    self.starts.append(first)
                begin = first
                for block, stops, is_whole in self._blocks(path, begun):
                    yield _split(block, stops, first, is_whole)
                    first += len(stops)
                self.reaches.append(self._reach(path, begin, first))
                begun = None
        except PipelineError as exc:
            self.error = exc
            raise

    def _reach(self, path: Path, begin: int, next_row: int) -> Reach:
        """Tell how far a file was read, from the row `begin` on."""
        num_bytes, whole_bytes, num_lines = self._read
        return Reach(
            next_row=next_row,
            num_bytes=num_bytes,
            whole_bytes=whole_bytes,
            whole_next_row=begin + num_lines,
            is_truncated=path in self.truncated,
        )

    def _blocks(self, path: Path, begun: Begun | None) -> Iterator[tuple[bytes, np.ndarray, bool]]:
        """Give the file in blocks that end with a line; where lines end, and if they are whole."""
        rest, is_first = b"", begun is None
        num_bytes, num_lines = begun.num_bytes if begun else 0, 0
        self._read = num_bytes, num_bytes, num_lines
        try:
            for block in read_blocks(path, self.member, self.digests, begun):
                if is_first and block.startswith(MARK):
                    block, num_bytes = block[len(MARK) :], len(MARK)
                block, is_first = rest + block if rest else block, False
                stops = self._ends(block)
                cut = int(stops[-1]) if len(stops) else 0
                rest = block[cut:]
                if len(rest) > LONGEST_LINE:
                    raise InputError(f"{path}: a line of over {LONGEST_LINE >> 20} MB{self._why()}")
                num_bytes, num_lines = num_bytes + cut, num_lines + len(stops)
                self._read = num_bytes + len(rest), num_bytes, num_lines
                if cut:
                    yield block[:cut], stops, True
        except TruncatedError as exc:
            if not self.allow_truncated:
                raise InputError(str(exc)) from exc
            self.truncated.append(path)
            if rest:
                yield rest + b"\n", np.array([len(rest) + 1]), False
            return
        stops = self._ends(rest + b"\n") if rest else np.array([])
        if rest and len(stops) == 0:
            start = rest[:60].decode("utf-8", "replace")
            raise InputError(
                f"{path}: a double quote in the record that begins {start!r} is never "
                f"closed{self._why()}"
            )
        if rest:
            yield rest + b"\n", stops, True

    def _why(self) -> str:
        if self.delimiter:
            return "; where quotes mean nothing, set data.table.quotes=false (--no-quotes)"
        return "; is this a dump?"

    def _ends(self, block: bytes) -> np.ndarray:
        """Give the places after each line end."""
        if self.delimiter and b'"' in block:
            return record_ends(block, self.delimiter)
        return np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == NEWLINE) + 1


def _split(block: bytes, stops: np.ndarray, first: int, is_whole: bool) -> pa.RecordBatch:
    """Cut a block at its line ends; blank lines are left out but have their number."""
    data = np.frombuffer(block, dtype=np.uint8)
    text, problem = _as_text(block, stops)
    if not is_whole:
        problem = pa.array(["cut_off"], pa.string())
    rows = np.arange(first, first + len(stops), dtype=np.int64)
    starts = np.concatenate([[0], stops[:-1]])
    blank = (stops - starts == 1) | ((stops - starts == 2) & (data[starts] == RETURN))
    batch = pa.record_batch([pa.array(rows), text, problem], schema=SCHEMA)
    return batch.filter(pa.array(~blank)) if blank.any() else batch


def _as_text(block: bytes, stops: np.ndarray) -> tuple[pa.LargeStringArray, pa.StringArray]:
    """Give the lines, each with its newline, and which of them are not valid UTF-8."""
    offsets = np.concatenate([[0], stops]).astype(np.int64)
    if block.isascii():  # by far the most, and nothing more to check
        text = pa.LargeStringArray.from_buffers(
            len(stops), pa.py_buffer(offsets), pa.py_buffer(block)
        )
        return text, pa.nulls(len(stops), pa.string())
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    binary = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(stops), buffers)
    try:
        return binary.cast(pa.large_string()), pa.nulls(len(stops), pa.string())
    except pa.ArrowInvalid:  # rare, so line by line
        raw = [block[a:b] for a, b in pairwise(offsets.tolist())]
        lines = [line.decode("utf-8", "replace") for line in raw]
        return pa.array(lines, pa.large_string()), pa.array(map(_problem, raw), pa.string())


def _problem(line: bytes) -> str | None:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return "not_utf8"
    return None


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read on in a thread of its own while what was read is worked on."""
    ready: queue.Queue[pa.RecordBatch | Exception | None] = queue.Queue(BLOCKS_AHEAD)
    stopped = threading.Event()

    def put(entry: pa.RecordBatch | Exception | None) -> None:
        while not stopped.is_set():
            try:
                return ready.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def read() -> None:
        try:
            for batch in batches:
                put(batch)
                if stopped.is_set():
                    return
            put(None)
        except Exception as exc:  # handed on to who reads
            put(exc)

    thread = threading.Thread(target=read, name="lines", daemon=True)
    thread.start()
    try:
        while (entry := ready.get()) is not None:
            if isinstance(entry, Exception):
                raise entry
            yield entry
    finally:
        stopped.set()
        thread.join()
