"""What becomes of every kind of bad input: the stated outcome, never a lost or a half row."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.config import DataConfig
from pipeline.errors import InputError
from pipeline.interactions import ingest
from tests.conftest import dense_rows
from tests.pipeline.dumps import TIME, line, read

Write = Callable[..., Path]


def test_nothing_is_lost_whatever_the_values(tmp_path: Path) -> None:
    cases: list[tuple[str, str | None]] = [
        (line(), None),
        (line(reviewerID=None), "missing_user"),
        (line(reviewerID=""), "missing_user"),
        (line(reviewerID=" \t\u00a0"), "missing_user"),
        (line(asin=None), "missing_item"),
        (line(reviewerID=" padded "), None),
        (line(reviewerID="'; drop table users; --"), None),
        (line(asin="\"quoted\" \\ 'and' `ticks`"), None),
        (line(asin="x" * 100_000), None),
        (line(unixReviewTime=-1), "time_out_of_range"),
        (line(unixReviewTime=0), "time_out_of_range"),
        (line(unixReviewTime=4_102_444_800), "time_out_of_range"),
        (line(unixReviewTime=TIME * 1000), "time_out_of_range"),
        (line(unixReviewTime=10**400), "bad_time"),
        (line(unixReviewTime="1e400"), "bad_time"),
        (line(unixReviewTime=True), "bad_time"),
        (line(unixReviewTime=[TIME]), "bad_time"),
        (line(unixReviewTime="2011-03-13"), "bad_time"),
        (line(overall=1e39), "bad_rating"),
        (line(overall="NaN"), "bad_rating"),
        (line(reviewText="y" * 10_000_000), None),
        (line(reviewText="z" * 10_000_000)[:-9] + "\n", "truncated"),
        ("\x00\x00\x00\n", "not_json"),
        ("{}\n", "missing_user"),
        ("[1, 2]\n", "missing_user"),
    ]
    raw = tmp_path / "raw.json"
    raw.write_bytes("".join(text for text, _ in cases).encode() + b'{"reviewerID": "\xff"}\n')
    good, bad = read(raw, tmp_path / "in")
    expected = {place: reason for place, (_, reason) in enumerate(cases, start=1) if reason}
    expected[len(cases) + 1] = "not_utf8"
    assert dict(zip(bad["row"], bad["reason"], strict=True)) == expected
    assert sorted([*good["row"], *bad["row"]]) == list(range(1, len(cases) + 2))
    assert good["user"].to_list()[1:3] == [" padded ", "'; drop table users; --"]
    assert bad["line"].str.len_chars().max() == 500


def test_a_limit_of_rejects_stops_the_run(write_dump: Write, tmp_path: Path) -> None:
    raw = write_dump(dense_rows() * 3, extra=["<html>"] * 2)  # 2 of 110 are 1.8 %
    with pytest.raises(InputError, match=r"2 of 110 rows \(1.8%\) .*not_json 2.*--max-rejects"):
        ingest([raw], tmp_path / "in", DataConfig())
    assert not (tmp_path / "in").exists()
    assert ingest([raw], tmp_path / "in", DataConfig(max_rejects=0.02)).rows["rejects"] == 2
    with pytest.raises(InputError, match=r"limit of 0.0%"):
        ingest([raw], tmp_path / "strict", DataConfig(policy="strict"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unixReviewTime": TIME * 1000}, "another unit.*seconds since 1970.*--time-unit"),
        ({"unixReviewTime": "13.03.2011"}, "unknown form.*--time-format"),
    ],
)
def test_times_of_another_kind_are_told(changes: Any, told: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_text(line(**changes) * 9)
    with pytest.raises(InputError, match=told):
        ingest([raw], tmp_path / "in", DataConfig())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"PK\x03\x04rest", "zip archive: unpack"),
        (b"BZh9rest", "bzip2: unpack"),
        ("{}".encode("utf-16"), "UTF-16: convert"),
        (b"PAR1rest", "Parquet"),
    ],
)
def test_other_kinds_of_files_are_told(data: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(data)
    with pytest.raises(InputError, match=told):
        read(tmp_path / "raw", tmp_path / "in")


def test_the_same_content_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(line())
    with pytest.raises(InputError, match=r"b: the same content as .*a;"):
        ingest([tmp_path / "a", tmp_path / "b"], tmp_path / "in", DataConfig())


def test_the_file_with_most_bad_rows_is_named(tmp_path: Path) -> None:
    (tmp_path / "good").write_text(line() * 50 + "{}\n")
    (tmp_path / "wrong").write_text('["not", "a row"],\n' * 20)
    with pytest.raises(InputError, match=r"wrong: 21 of 71 rows of all 2 files .*JSON array"):
        ingest([tmp_path / "good", tmp_path / "wrong"], tmp_path / "in", DataConfig())


def test_many_files_and_patterns_are_one_dump(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "b.json").write_text(line(asin="second"))
    (folder / "a.json.gz").write_bytes(gzip.compress(line(asin="first").encode()))
    with pa.CompressedOutputStream(str(folder / "c.zst"), "zstd") as out:
        out.write(line(asin="third").encode())
    (folder / "notes.txt").write_text("no dump")
    good, _ = read(folder / "*.[jz]*", tmp_path / "in")
    assert good.select("item", "row").rows() == [("first", 1), ("second", 2), ("third", 3)]
    with pytest.raises(InputError, match="no raw files"):
        read(folder / "*.csv", tmp_path / "in")


def test_nothing_named_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "a.json").write_text(line())
    (folder / "_SUCCESS").write_text("")
    (folder / ".hidden").write_text("x")
    assert len(read(folder, tmp_path / "in")[0]) == 1
    with pytest.raises(InputError, match=r"\*.csv: no raw files"):
        ingest([folder / "a.json", folder / "*.csv"], tmp_path / "in", DataConfig())
    (folder / "sub").mkdir()
    with pytest.raises(InputError, match="sub: is no regular file"):
        read(folder, tmp_path / "in")
    (folder / "sub").rmdir()
    (folder / "b.json").symlink_to(folder / "gone")
    with pytest.raises(InputError, match=r"b.json: no such file"):
        read(folder, tmp_path / "in")
    with pytest.raises(InputError, match="made by basrec"):
        read(tmp_path / "in", tmp_path / "out")


def test_a_file_without_one_good_row_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(line() * 5000)
    (tmp_path / "b.csv").write_text(f"u,i,5.0,{TIME}\n" * 20)
    both = [tmp_path / "a.json", tmp_path / "b.csv"]
    with pytest.raises(InputError, match=r"b.csv: not one of 20 .*try --format amazon_ratings"):
        ingest(both, tmp_path / "in", DataConfig())
    assert ingest(both, tmp_path / "in", DataConfig(max_rejects=1)).rows["rejects"] == 20
