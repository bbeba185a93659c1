"""What a raw file is by its first bytes: plain, compressed, an archive, or nothing we read."""

import tarfile
from pathlib import Path

from pipeline.errors import InputError

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
TAR_HEADER = 512
"""Bytes by which an archive is told."""


def is_plain(path: Path) -> bool:
    """Tell whether a file's bytes are its content: neither compressed nor an archive."""
    with path.open("rb") as file:
        start = file.read(TAR_HEADER)
    return not (is_gzip(start) or is_zstd(start) or is_tar(start))


def is_gzip(start: bytes) -> bool:
    """Tell gzip by a file's first bytes."""
    return start.startswith(GZIP)


def is_zstd(start: bytes) -> bool:
    """Tell zstd by a file's first bytes."""
    return start.startswith(ZSTD) or (start[:1] >= b"\x50" and start[1:4] == SKIPPABLE)


def is_tar(start: bytes) -> bool:
    """Tell by the checksum of the first header, which also the oldest archives have."""
    try:
        tarfile.TarInfo.frombuf(start[:TAR_HEADER], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def refuse_other_kinds(path: Path, start: bytes, where: str) -> None:
    """Refuse what cannot be read as lines; `where` says in what it lies, if in anything."""
    for magic, what in OTHER_KINDS.items():
        if start.startswith(magic):
            raise InputError(f"{path}: {where}it is {what}")
    if where and start.startswith((GZIP, ZSTD)):
        raise InputError(f"{path}: {where}it is compressed once more: unpack it first")
