"""A raw file's bytes, decompressed, in blocks of bounded size.

Compression and archives are told by the first bytes, not by the name. A stream that breaks off
gives all that came before and then raises TruncatedError.
"""

import io
import tarfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow as pa
from isal import isal_zlib

from pipeline.errors import InputError, MachineError, TruncatedError
from pipeline.files import Begun, DigestedSource
from pipeline.kinds import GZIP, MARK, is_gzip, is_tar, is_zstd, refuse_other_kinds

Digests = dict[Path, str]

BLOCK_BYTES = 8 << 20
READ_BYTES = 1 << 20
INFLATE_BYTES = 16 << 10
"""Compressed bytes inflated at once; where they are damaged, what these few hold is lost."""
MEMBER_BYTES = 64 << 10
"""Bytes of an archive's member read at once; where it breaks off, what these hold is lost."""


def read_blocks(
    path: Path, member: str, digests: Digests, begun: Begun | None = None
) -> Iterator[bytes]:
    """Give a file's content; of a tar archive that of the members whose name fits a pattern.

    Of a plain file that was begun only what comes after that is given.
    The digest of all its bytes, also of those after a break, goes to `digests` at the end.
    Errors: TruncatedError where it breaks off, InputError where it cannot be read or no member
    fits, MachineError where the disk fails.
    """
    try:
        with DigestedSource(path, begun) as source, io.BufferedReader(source) as raw:
            try:
                yield from _plain(raw) if begun else _content(path, raw, member)
            except TruncatedError:
                digests[path] = source.finish()
                raise
            digests[path] = source.finish()
    except PermissionError as exc:
        raise InputError(f"{path}: not allowed to read it; check its permissions") from exc
    except OSError as exc:
        raise MachineError(f"{path}: cannot be read ({exc.strerror}); check the disk") from exc


def _content(path: Path, raw: "io.BufferedReader[DigestedSource]", member: str) -> Iterator[bytes]:
    blocks = _whole_blocks(_decompressed(path, raw))
    first = next(blocks, b"")
    stream = _chained(first, blocks)
    if is_tar(first):
        stream = _whole_blocks(_members(path, stream, member))
    else:
        refuse_other_kinds(path, first, "inside its compression ")
    yield from stream


def _decompressed(path: Path, raw: "io.BufferedReader[DigestedSource]") -> Iterator[bytes]:
    magic = raw.peek(6)
    refuse_other_kinds(path, magic, "")
    if is_gzip(magic):
        return _gunzip(path, raw)
    if is_zstd(magic):
        return _unzstd(path, raw)
    return _plain(raw)


def _plain(raw: "io.BufferedReader[DigestedSource]") -> Iterator[bytes]:
    return iter(lambda: raw.read(BLOCK_BYTES), b"")


def _gunzip(path: Path, raw: "io.BufferedReader[DigestedSource]") -> Iterator[bytes]:
    """Inflate all members of a gzip file."""
    inflate = isal_zlib.decompressobj(wbits=31)
    try:
        while chunk := raw.read(INFLATE_BYTES):
            while chunk:
                if inflate.eof:  # a further member, or zeros that fill up a block
                    chunk = chunk.lstrip(b"\0")
                    if not chunk:
                        break
                    if not GZIP.startswith(chunk[:2]):
                        raise TruncatedError(
                            f"{path}: what follows the end of its gzip data is no gzip; get it "
                            "again, or leave that out with --allow-truncated"
                        )
                    inflate = isal_zlib.decompressobj(wbits=31)
                yield inflate.decompress(chunk, BLOCK_BYTES)
                chunk = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        yield inflate.flush() if not inflate.eof else b""
    except isal_zlib.error as exc:  # type: ignore[misc]  # its stub is wrong
        raise TruncatedError(f"{path}: the gzip data are damaged ({exc}); get it again") from exc
    if not inflate.eof:
        raise TruncatedError(
            f"{path}: the gzip stream breaks off after {path.stat().st_size:,} bytes; "
            "the file is truncated: get it again, or keep its good part with --allow-truncated"
        )


def _unzstd(path: Path, raw: "io.BufferedReader[DigestedSource]") -> Iterator[bytes]:
    pieces = _Readable(iter(lambda: raw.read(READ_BYTES), b""))  # Arrow may close these, not `raw`
    with pa.CompressedInputStream(io.BufferedReader(pieces), "zstd") as stream:
        while True:
            try:
                block = stream.read(READ_BYTES)
            except (pa.ArrowInvalid, OSError) as exc:
                if isinstance(exc, OSError) and exc.errno:  # the system's, not the decompressor's
                    raise
                raise TruncatedError(
                    f"{path}: the zstd data are damaged or break off ({exc}); get it again, "
                    "or keep its good part with --allow-truncated"
                ) from exc
            if not block:
                return
            yield block


def _whole_blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces; what came before an error is given first."""
    held: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= BLOCK_BYTES:
                yield b"".join(held)
                held, size = [], 0
    except TruncatedError:
        if size:
            yield b"".join(held)
        raise
    if size:
        yield b"".join(held)


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


class _Readable(io.RawIOBase):
    """Blocks as something that tarfile can read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks, self.held = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self.held:
            self.held = memoryview(next(self.blocks, b""))
        count = min(len(buffer), len(self.held))
        buffer[:count] = self.held[:count]
        self.held = self.held[count:]
        return count


class _Entry(tarfile.TarInfo):
    """A tar header; a damaged one is an error, where tarfile would take it for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Entry":
        """Read a header. Errors: ReadError unless it is one or marks the end."""
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # a block of zeros
            raise
        except tarfile.HeaderError as exc:
            raise tarfile.ReadError(str(exc)) from exc


def _members(path: Path, blocks: Iterator[bytes], pattern: str) -> Iterator[bytes]:
    """Read the fitting members one after the other; nothing is unpacked to disk."""
    seen, fitting = [], 0
    try:
        source = io.BufferedReader(_Readable(blocks))
        with tarfile.open(fileobj=source, mode="r|", tarinfo=_Entry) as archive:
            for entry in archive:
                seen.append(entry.name)
                name = Path(entry.name).name
                content = archive.extractfile(entry) if entry.isfile() else None
                if content is None or name.startswith(".") or not fnmatch(name, pattern):
                    continue
                fitting += 1
                last, is_first = b"\n", True
                while block := content.read(MEMBER_BYTES):
                    if is_first:
                        refuse_other_kinds(path, block, f"member {entry.name!r}: ")
                        block, is_first = block.removeprefix(MARK), False
                    yield block
                    last = block[-1:] or last
                if last != b"\n":  # members must not run into each other
                    yield b"\n"
            rest: Any = archive.fileobj
            while block := rest.read(READ_BYTES):
                if block.strip(b"\0"):
                    raise tarfile.ReadError("data after what should be its end")
    except tarfile.TarError as exc:
        raise TruncatedError(
            f"{path}: the archive breaks off ({exc}); get it again, or keep its good part with "
            "--allow-truncated"
        ) from exc
    if not fitting:
        raise InputError(
            f"{path}: no member fits {pattern!r}; it holds {', '.join(seen[:9])}; "
            "choose with data.member (--member)"
        )
