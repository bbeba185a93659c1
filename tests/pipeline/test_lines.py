"""Raw files as lines."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import streams as module
from pipeline.errors import InputError, MachineError
from pipeline.lines import Lines
from pipeline.raw_files import list_files


def read(*paths: Path) -> list[tuple[int, str, str | None]]:
    table = Lines(list_files(list(paths))).reader().read_all()
    return [(row["row"], row["text"].rstrip("\r\n"), row["problem"]) for row in table.to_pylist()]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_lines_are_numbered_and_blank_ones_are_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"one\n\ntwo\r\n\r\nlast, without end")
    assert read(path) == [(1, "one", None), (3, "two", None), (5, "last, without end", None)]


def test_bytes_that_are_no_utf8_mark_their_line_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "gut ü\n".encode() + b"bad \xff\xfe\nok\n")
    assert read(path) == [(1, "gut ü", None), (2, "bad ��", "not_utf8"), (3, "ok", None)]


def test_a_byte_order_mark_is_dropped_and_nul_bytes_pass(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a", b"\xef\xbb\xbfone\nt\x00wo\n")) == [
        (1, "one", None),
        (2, "t\0wo", None),
    ]


@pytest.mark.parametrize("block", [3, 7, 1 << 20])
def test_blocks_of_any_size_give_the_same_lines(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", block)
    path = write(tmp_path / "a", b"first line\nsecond\n\nfourth is longer than a block\n")
    assert [row[0] for row in read(path)] == [1, 2, 4]
    assert [row[1] for row in read(path)][2] == "fourth is longer than a block"


def test_compression_is_told_by_content_not_name(tmp_path: Path) -> None:
    squeezed = write(tmp_path / "plain.json", gzip.compress(b"one\n"))
    plain = write(tmp_path / "named.gz", b"two\n")
    assert read(squeezed, plain) == [(1, "one", None), (2, "two", None)]
    with pa.CompressedOutputStream(str(tmp_path / "z"), "zstd") as out:
        out.write(b"three\n")
    assert read(tmp_path / "z") == [(1, "three", None)]


def test_gzip_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert [row[1] for row in read(path)] == ["one", "two"]


def test_a_folder_is_read_in_the_order_of_names_without_unfinished_files(tmp_path: Path) -> None:
    write(tmp_path / "b", b"two\n")
    write(tmp_path / "a", b"one\n")
    write(tmp_path / "c.part", b"half")
    assert [row[1] for row in read(tmp_path)] == ["one", "two"]


def test_a_truncated_gzip_file_is_an_error(tmp_path: Path) -> None:
    data = gzip.compress(b"some line\n" * 10_000)
    lines = Lines([write(tmp_path / "a.gz", data[: len(data) // 2])])
    with pytest.raises(InputError, match="breaks off"):
        list(lines._batches())
    assert lines.error is not None


@pytest.mark.parametrize("cut", [slice(-40), slice(40, None)])
def test_damaged_zstd_is_an_error(tmp_path: Path, cut: slice) -> None:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(b"".join(b"line %d\n" % (n * 7919 % 100_003) for n in range(10_000)))
    data = sink.getvalue().to_pybytes()
    lines = Lines([write(tmp_path / "a.zst", data[:4] + data[4:][cut])])
    with pytest.raises(InputError, match="data are damaged"):
        list(lines._batches())


def test_a_disk_that_fails_is_the_machine_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "_decompressed", fail)
    with pytest.raises(MachineError, match="check the disk"):
        list(Lines([write(tmp_path / "a", b"one\n")])._batches())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "missing", "no such file"),
        (lambda folder: write(folder / "empty", b""), "the file is empty"),
        (lambda folder: folder, "no raw files"),
    ],
)
def test_files_that_cannot_be_read_are_errors(tmp_path: Path, make: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        list_files([make(tmp_path)])  # type: ignore[operator]
