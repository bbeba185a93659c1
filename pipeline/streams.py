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
from pipeline.files import DigestedSource

Digests = dict[Path, str]

BLOCK_BYTES = 8 << 20
READ_BYTES = 1 << 20
INFLATE_BYTES = 16 << 10
"""Compressed bytes inflated at once; where they are damaged, what these few hold is lost."""
MEMBER_BYTES = 64 << 10
"""Bytes of an archive's member read at once; where it breaks off, what these hold is lost."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
SKIPPABLE = b"\x2a\x4d\x18"  # a zstd frame of notes, which may come first
OTHER_KINDS = {
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"BZh": "compressed by bzip2: unpack it first",
    b"\xfd7zXZ": "compressed by xz: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"\x5d\x00\x00": "compressed by lzma: unpack it first",
    b"ARROW1": "an Arrow file: write it as Parquet or CSV first",
    b"\xff\xfe": "UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)",
    b"\xfe\xff": "UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)",
    b"PAR1": "Parquet: read it alone, with --format table",
}
"""First bytes of what cannot be read as lines."""
MARK = b"\xef\xbb\xbf"
"""UTF-8's byte order mark; no part of the first line."""


def read_blocks(path: Path, member: str, digests: Digests) -> Iterator[bytes]:
    """Give a file's content; of a tar archive that of the members whose name fits a pattern.

    The digest of all its bytes, also of those after a break, goes to `digests` at the end.
    Errors: TruncatedError where it breaks off, InputError where it cannot be read or no member
    fits, MachineError where the disk fails.
    """
    try:
        with DigestedSource(path) as source, io.BufferedReader(source) as raw:
            try:
                yield from _content(path, raw, member)
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
    if _is_tar(first):
        stream = _whole_blocks(_members(path, stream, member))
    else:
        _refuse_other_kinds(path, first, "inside its compression ")
    yield from stream


def _is_tar(start: bytes) -> bool:
    """Tell by the checksum of the first header, which also the oldest archives have."""
    try:
        tarfile.TarInfo.frombuf(start[:512], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _refuse_other_kinds(path: Path, start: bytes, where: str) -> None:
    """Refuse what cannot be read as lines; `where` says in what it lies, if in anything."""
    for magic, what in OTHER_KINDS.items():
        if start.startswith(magic):
            raise InputError(f"{path}: {where}it is {what}")
    if where and start.startswith((GZIP, ZSTD)):
        raise InputError(f"{path}: {where}it is compressed once more: unpack it first")


def _decompressed(path: Path, raw: "io.BufferedReader[DigestedSource]") -> Iterator[bytes]:
    magic = raw.peek(6)
    _refuse_other_kinds(path, magic, "")
    if magic[:2] == GZIP:
        return _gunzip(path, raw)
    if magic[:4] == ZSTD or (magic[:1] >= b"\x50" and magic[1:4] == SKIPPABLE):
        return _unzstd(path, raw)
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
                        _refuse_other_kinds(path, block, f"member {entry.name!r}: ")
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
