"""Raw files as Arrow batches of lines: bounded memory, nothing per row in Python.

Compression is told by the first bytes, not by the name. Blank lines are not rows. A line keeps its
number over all files, from 1, whatever becomes of it.
"""

import gzip
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa

from pipeline.errors import InputError, MachineError, PipelineError

BLOCK_BYTES = 16 << 20
LONGEST_LINE = 256 << 20
"""A line beyond this is no review; the run stops rather than fill the memory."""

SCHEMA = pa.schema([("row", pa.int64()), ("text", pa.large_string()), ("is_utf8", pa.bool_())])
NEWLINE, RETURN = 10, 13


def list_files(raw: list[Path]) -> list[Path]:
    """Give the files to read: those named, and all files of a folder, sorted by name.

    Errors: InputError where one is missing or empty.
    """
    files: list[Path] = []
    for path in raw:
        if path.is_dir():
            files += sorted(entry for entry in path.iterdir() if entry.is_file() and _is_raw(entry))
        else:
            files.append(path)
    if not files:
        raise InputError(f"{', '.join(map(str, raw)) or 'raw'}: no raw files; name the dump")
    for path in files:
        if not path.exists():
            raise InputError(f"{path}: no such file; check the path of the raw dump")
        try:
            is_empty = path.stat().st_size == 0
        except OSError as exc:
            raise InputError(f"{path}: cannot be read ({exc.strerror})") from exc
        if is_empty:
            raise InputError(f"{path}: the file is empty; get the dump again")
    return files


def _is_raw(entry: Path) -> bool:
    """Tell a dump from a hidden file and from what a download has not finished."""
    return not entry.name.startswith(".") and entry.suffix not in (".part", ".tag", ".tmp")


class Lines:
    """All lines of some files as a stream of batches (row, text, is_utf8).

    An error met while the stream is read is kept in `error`: who reads through Arrow's C interface
    sees only its text.
    """

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.error: PipelineError | None = None

    def reader(self) -> pa.RecordBatchReader:
        """Give the stream; it can be read once."""
        return pa.RecordBatchReader.from_batches(SCHEMA, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        first = 1
        try:
            for path in self.files:
                for block in _blocks(path):
                    batch, count = _split(block, first)
                    first += count
                    yield batch
        except PipelineError as exc:
            self.error = exc
            raise


def _blocks(path: Path) -> Iterator[bytes]:
    """Give the decompressed file in blocks that end with a line."""
    rest = b""
    try:
        with path.open("rb") as raw, _decompressed(raw) as stream:
            while block := stream.read(BLOCK_BYTES):
                if not rest and block.startswith(b"\xef\xbb\xbf"):
                    block = block[3:]
                block = rest + block
                cut = block.rfind(b"\n") + 1
                rest = block[cut:]
                if len(rest) > LONGEST_LINE:
                    raise InputError(f"{path}: a line of over {LONGEST_LINE >> 20} MB; no dump?")
                if cut:
                    yield block[:cut]
        if rest:
            yield rest + b"\n"
    except EOFError as exc:
        raise InputError(
            f"{path}: the gzip stream breaks off after {path.stat().st_size:,} bytes; "
            "the file is truncated: get it again"
        ) from exc
    except PermissionError as exc:
        raise InputError(f"{path}: not allowed to read it; check its permissions") from exc
    except (zlib.error, pa.ArrowInvalid, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno:  # the system's; a decompressor's has no number
            raise MachineError(f"{path}: cannot be read ({exc.strerror}); check the disk") from exc
        raise InputError(f"{path}: the compressed data are damaged ({exc}); get it again") from exc


def _decompressed(raw: BinaryIO) -> BinaryIO:
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return cast("BinaryIO", gzip.open(raw, "rb"))
    if magic == b"\x28\xb5\x2f\xfd":
        return cast("BinaryIO", pa.CompressedInputStream(raw, "zstd"))
    return raw


def _split(block: bytes, first: int) -> tuple[pa.RecordBatch, int]:
    """Cut a block at its line ends; also give how many lines it has, blank ones too."""
    data = np.frombuffer(block, dtype=np.uint8)
    stops = np.flatnonzero(data == NEWLINE) + 1
    text, is_utf8 = _as_text(block, stops)
    rows = np.arange(first, first + len(stops), dtype=np.int64)
    starts = np.concatenate([[0], stops[:-1]])
    blank = (stops - starts == 1) | ((stops - starts == 2) & (data[starts] == RETURN))
    batch = pa.record_batch([pa.array(rows), text, pa.array(is_utf8)], schema=SCHEMA)
    return (batch.filter(pa.array(~blank)) if blank.any() else batch), len(stops)


def _as_text(block: bytes, stops: np.ndarray) -> tuple[pa.LargeStringArray, np.ndarray]:
    """Give the lines, each with its newline, and which of them are valid UTF-8."""
    offsets = np.concatenate([[0], stops]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    binary = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(stops), buffers)
    try:
        return binary.cast(pa.large_string()), np.ones(len(stops), dtype=bool)
    except pa.ArrowInvalid:  # rare, so line by line
        raw = [block[a:b] for a, b in pairwise(offsets.tolist())]
        text = [line.decode("utf-8", "replace") for line in raw]
        return pa.array(text, pa.large_string()), np.array([_is_utf8(line) for line in raw])


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
