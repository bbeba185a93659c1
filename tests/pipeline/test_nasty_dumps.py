"""What becomes of every kind of bad input: the stated outcome, never a lost or a half row."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import DataConfig, TableConfig
from pipeline.errors import InputError
from pipeline.interactions import ingest
from tests.conftest import dense_rows

Write = Callable[..., Path]
TIME = 1_300_000_000


def line(**changes: Any) -> str:
    row = {"reviewerID": "u", "asin": "i", "overall": 5.0, "unixReviewTime": TIME}
    return json.dumps(row | changes) + "\n"


def read(raw: Path, out: Path, **options: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ingest; give the interactions and the rejects."""
    ingest([raw], out, DataConfig(**{"max_rejects": 1.0} | options))
    return pl.read_parquet(out / "interactions.parquet"), pl.read_parquet(out / "rejects.parquet")


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


@pytest.mark.parametrize("damage", ["cut", "spoilt"])
def test_the_good_part_of_a_broken_gzip_is_kept_when_asked(damage: str, tmp_path: Path) -> None:
    lines = [line(reviewerID=f"u{n * 7919 % 100_003}") for n in range(20_000)]
    data = bytearray(gzip.compress("".join(lines).encode()))
    middle = len(data) // 2
    if damage == "cut":
        del data[middle:]
    else:
        data[middle : middle + 50] = b"\xff" * 50
    raw = tmp_path / "raw.gz"
    raw.write_bytes(data)
    with pytest.raises(InputError, match=r"breaks off|damaged"):
        ingest([raw], tmp_path / "in", DataConfig())
    if damage == "spoilt":  # what follows the damage decodes to garbage until that is noticed
        with pytest.raises(InputError, match=r"over the limit"):
            read(raw, tmp_path / "in", allow_truncated=True, max_rejects=0.01)
    good, bad = read(raw, tmp_path / "in", allow_truncated=True)
    whole = bad["row"][0] - 1
    assert 1000 < whole < len(lines)
    users = [json.loads(text)["reviewerID"] for text in lines[:whole]]
    assert good["user"][:whole].to_list() == users
    assert bad["reason"].to_list()[-1] == "cut_off"
    record = json.loads((tmp_path / "in" / "manifest.json").read_text())["stages"]["ingest"]
    assert record["rows"]["truncated files"] == 1


def test_a_cut_off_csv_line_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    text = "".join(f"u{n},i{n * 7919 % 10_007},5.0,{TIME + n}\n" for n in range(5000))
    for size in range(9000, 9040):  # some of these cuts fall within a time
        raw = tmp_path / "raw.gz"
        raw.write_bytes(gzip.compress(text.encode())[:size])
        options = {"format": "amazon_ratings_2014", "allow_truncated": True, "threads": 1}
        good, bad = read(raw, tmp_path / "in", **options)
        whole = [(f"u{n}", TIME + n) for n in range(len(good))]
        assert good.select("user", "timestamp").rows() == whole
        assert bad["reason"].to_list() in ([], ["cut_off"])


def test_yelp_is_read_from_its_archive(tmp_path: Path) -> None:
    review = json.dumps(
        {"user_id": "U", "business_id": "I", "stars": 3.0, "date": "2019-01-02 03:04:05"}
    )
    archive = tmp_path / "yelp_dataset.tar"
    with tarfile.open(archive, "w") as tar:
        for name, text in (
            ("../../escape.json", "{}"),
            ("Dataset_User_Agreement.pdf", "%PDF"),
            ("yelp_academic_dataset_business.json", '{"business_id": "I"}'),
            ("yelp_academic_dataset_review.json", review),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    squeezed = tmp_path / "named_anyhow"
    squeezed.write_bytes(gzip.compress(archive.read_bytes()))
    for raw in (archive, squeezed):
        good, bad = read(raw, tmp_path / "in", format="yelp")
        assert good.rows() == [("U", "I", 3.0, 1_546_398_245, 1)] and len(bad) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "named_anyhow", archive.name]
    with pytest.raises(InputError, match=r"no member fits '\*x\*'; it holds .*business"):
        read(archive, tmp_path / "in", format="yelp", member="*x*")
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"no member fits|breaks off"):
        read(archive, tmp_path / "in", format="yelp")


def test_the_good_part_of_a_broken_archive_is_kept_when_asked(tmp_path: Path) -> None:
    row = {"business_id": "I", "stars": 3.0, "date": "2019-01-02 03:04:05"}
    text = "".join(json.dumps({"user_id": f"U{n}"} | row) + "\n" for n in range(20_000))
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        entry = tarfile.TarInfo("review.json")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
    for name, data in (("plain", whole.getvalue()), ("gz", gzip.compress(whole.getvalue()))):
        raw = tmp_path / name
        raw.write_bytes(data[: len(data) // 2])
        with pytest.raises(InputError, match=r"breaks off .*--allow-truncated"):
            read(raw, tmp_path / "in", format="yelp")
        good, bad = read(raw, tmp_path / "in", format="yelp", allow_truncated=True)
        assert 5000 < len(good) < 15_000
        assert good["user"].to_list() == [f"U{n}" for n in range(len(good))]
        assert bad["reason"].to_list() in ([], ["cut_off"])


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


def test_a_table_with_quoted_line_ends(tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    raw.write_text(
        f'who,what,text,when\nu,i,"two\nlines, ""quoted""",{TIME}\nv,j,plain,{TIME + 1}\n'
    )
    table = TableConfig(user="who", item="what", time="when")
    good, bad = read(raw, tmp_path / "in", format="table", table=table)
    assert good.select("user", "item", "timestamp", "row").rows() == [
        ("u", "i", TIME, 2),
        ("v", "j", TIME + 1, 3),
    ]
    assert len(bad) == 0
    raw.write_text(raw.read_text() + f'w,k,"never closed,{TIME}\nx,l,,{TIME}\n')
    with pytest.raises(InputError, match=r"never closed.*quotes=false"):
        read(raw, tmp_path / "in", format="table", table=table)


def test_a_header_is_seen_also_where_columns_are_given_by_place(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_text(f"u,i,Timestamp\na,x,{TIME}\n")
    table = {"user": 1, "item": 2, "time": 3}
    good, bad = read(raw, tmp_path / "in", format="table", table=table)
    assert (len(good), len(bad)) == (1, 0)
    good, bad = read(raw, tmp_path / "in", format="table", table=table | {"header": False})
    assert (len(good), len(bad)) == (1, 1)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"time_format": "%Q"}, "'%Q' is not known"),
        ({"time_unit": "milliseconds"}, "read as milliseconds; give another --time-unit"),
        ({"time_unit": "iso"}, "read as iso; give another --time-unit .seconds, mi"),
    ],
)
def test_units_that_do_not_fit_are_told(table: Any, told: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_text(f"u,i,{TIME}\n")
    places = {"user": 1, "item": 2, "time": 3}
    with pytest.raises(InputError, match=told):
        read(raw, tmp_path / "in", format="table", table=places | table)


def test_a_cut_off_parquet_file_is_told(tmp_path: Path) -> None:
    pl.DataFrame({"u": ["a"] * 999, "i": ["b"] * 999, "t": [TIME] * 999}).write_parquet(
        tmp_path / "raw"
    )
    (tmp_path / "raw").write_bytes((tmp_path / "raw").read_bytes()[:-40])
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read(
            tmp_path / "raw",
            tmp_path / "in",
            format="table",
            table={"user": 1, "item": 2, "time": 3},
        )


def test_tables_with_different_headers_are_not_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "a.csv").write_text(f"u,i,t\na,x,{TIME}\n")
    (folder / "b.csv").write_text(f"u,i,t\nb,y,{TIME}\n")
    table = {"user": "u", "item": "i", "time": "t"}
    good, bad = read(folder, tmp_path / "in", format="table", table=table)
    assert good["user"].to_list() == ["a", "b"] and len(bad) == 0
    (folder / "b.csv").write_text(f"i,u,t\nb,y,{TIME}\n")
    with pytest.raises(InputError, match=r"b.csv: its header is not that of .*a.csv"):
        read(folder, tmp_path / "in", format="table", table=table)


def test_a_table_that_lacks_a_column_is_told(tmp_path: Path) -> None:
    raw = tmp_path / "raw.tsv"
    raw.write_text(f"a\tb\tc\nu\ti\t{TIME}\n")
    good, _ = read(raw, tmp_path / "in", format="table", table={"user": 1, "item": 2, "time": "c"})
    assert good["user"].to_list() == ["u"]
    for column, told in (("d", "column 'd' is not in the header: 'a', 'b'"), (4, "no column 4")):
        table = {"user": column, "item": "b", "time": "c"}
        with pytest.raises(InputError, match=told):
            read(raw, tmp_path / "in", format="table", table=table)


@pytest.mark.parametrize("times", ["moments", "days", "numbers"])
def test_parquet_tables(times: str, tmp_path: Path) -> None:
    seconds = pl.Series([TIME, TIME + 86_400, None])
    when = {
        "moments": pl.from_epoch(seconds),
        "days": pl.from_epoch(seconds).cast(pl.Date),
        "numbers": seconds,
    }[times]
    pl.DataFrame(
        {"t": when, "u": [7, 8, 9], "i": ["x", "y", "z"], "r": [1, None, 2]}
    ).write_parquet(tmp_path / "raw")
    table = {"user": "u", "item": "i", "time": "t", "rating": 4}
    good, bad = read(tmp_path / "raw", tmp_path / "in", format="table", table=table)
    day = TIME - TIME % 86_400
    expected = [day, day + 86_400] if times == "days" else [TIME, TIME + 86_400]
    assert good["timestamp"].to_list() == expected
    assert good.select("user", "item", "rating", "row").rows() == [
        ("7", "x", 1.0, 1),
        ("8", "y", None, 2),
    ]
    assert bad.rows() == [(3, "missing_time", "9 z 2")]
    with pytest.raises(InputError, match="column 'nope' is not"):
        read(tmp_path / "raw", tmp_path / "in", format="table", table=table | {"user": "nope"})


def three_members() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name in ("a_review", "b_review", "c_review"):
            text = "".join(line(reviewerID=f"{name}{n}") for n in range(100)).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return whole.getvalue()


@pytest.mark.parametrize("damage", ["no_end", "cut_header", "spoilt_header", "zeroed_header"])
def test_no_member_of_a_damaged_archive_is_lost_in_silence(damage: str, tmp_path: Path) -> None:
    data = bytearray(three_members())
    second = data.index(b"b_review\0")
    if damage == "no_end":
        del data[second:]
    elif damage == "cut_header":
        del data[second + 100 :]
    elif damage == "spoilt_header":
        data[second + 20 : second + 30] = b"x" * 10
    else:
        data[second : second + 512] = bytes(512)
    raw = tmp_path / "raw.tar"
    raw.write_bytes(data)
    with pytest.raises(InputError, match="archive breaks off"):
        read(raw, tmp_path / "in")
    good, _ = read(raw, tmp_path / "in", allow_truncated=True)
    assert len(good) == 100
    record = json.loads((tmp_path / "in" / "manifest.json").read_text())["stages"]["ingest"]
    assert record["rows"]["truncated files"] == 1
    raw.write_bytes(three_members())
    assert len(read(raw, tmp_path / "in")[0]) == 300


def test_marks_and_hidden_members_of_an_archive_are_no_rows(tmp_path: Path) -> None:
    raw = tmp_path / "raw.tar"
    with tarfile.open(raw, "w") as tar:
        for name, text in (
            ("a_review", b"\xef\xbb\xbf" + line().encode()),
            ("._b_review", b"Mac OS X"),
            ("b_review", b"\xef\xbb\xbf" + line().encode()),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    good, bad = read(raw, tmp_path / "in")
    assert (len(good), len(bad)) == (2, 0)


def test_zeros_and_other_bytes_behind_gzip_data(tmp_path: Path) -> None:
    raw = tmp_path / "raw.gz"
    packed = gzip.compress(line().encode())
    raw.write_bytes(packed + bytes(10))
    assert len(read(raw, tmp_path / "in")[0]) == 1
    raw.write_bytes(packed + bytes(10) + packed + bytes(100_000))
    assert len(read(raw, tmp_path / "in")[0]) == 2
    raw.write_bytes(packed + b"rest")
    with pytest.raises(InputError, match="what follows the end of its gzip data"):
        read(raw, tmp_path / "in")
    assert len(read(raw, tmp_path / "in", allow_truncated=True)[0]) == 1


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        (gzip.compress(line().encode()), "inside its compression it is compressed once more"),
        ("{}".encode("utf-16"), "inside its compression it is UTF-16"),
        (b"PK\x03\x04rest", "inside its compression it is a zip archive"),
    ],
    ids=["gzip", "utf-16", "zip"],  # gzip's bytes hold the time
)
def test_what_is_packed_twice_is_told(inner: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(gzip.compress(inner))
    with pytest.raises(InputError, match=told):
        read(tmp_path / "raw", tmp_path / "in")


def test_zstd_may_begin_with_a_frame_of_notes(tmp_path: Path) -> None:
    notes = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    (tmp_path / "raw").write_bytes(notes + pa.compress(line().encode(), "zstd", asbytes=True))
    assert len(read(tmp_path / "raw", tmp_path / "in")[0]) == 1


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


def test_rows_that_do_not_fit_the_first_line_are_told(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    table = {"user": "u", "item": "i", "time": "t"}
    for text, told in (
        (f"u,i,t\na,b,{TIME},\n", "more columns than the first line"),
        (f"u,i,t,x\na,b,{TIME}\n", "fewer columns than the first line"),
        (f"u,i,t,r\na,b,{TIME},4;5\n", "ratings that are no numbers"),
    ):
        raw.write_text(text)
        with pytest.raises(InputError, match=told):
            rating = {"rating": "r"} if "r" in text else {}
            read(raw, tmp_path / "in", format="table", table=table | rating)
    raw.write_bytes(b"u,i,t\n\xfc,b,1400000000\n")
    with pytest.raises(InputError, match="iconv -f LATIN1"):
        read(raw, tmp_path / "in", format="table", table=table)


def test_two_roles_cannot_share_a_column(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text(f"u,i,t\na,b,{TIME}\n")
    with pytest.raises(InputError, match="are the same column"):
        read(
            tmp_path / "raw",
            tmp_path / "in",
            format="table",
            table={"user": 1, "item": "u", "time": "t"},
        )


def test_parquet_files_that_do_not_fit_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    table = {"user": "u", "item": "i", "time": "t"}
    frame = pl.DataFrame({"u": ["a"], "i": ["b"], "t": [TIME]})
    frame.with_columns(t=pl.from_epoch("t")).write_parquet(folder / "a")
    frame.write_parquet(folder / "b")
    with pytest.raises(InputError, match=r"b: its times are of another type"):
        read(folder, tmp_path / "in", format="table", table=table)
    frame.with_columns(u=pl.concat_list("u")).write_parquet(folder / "b")
    with pytest.raises(InputError, match=r"b: column 'u' is of type"):
        read(folder / "b", tmp_path / "in", format="table", table=table)
    twice = pa.table([["a"], ["b"], [TIME]], names=["u", "u", "t"])
    pq.write_table(twice, folder / "b")
    with pytest.raises(InputError, match=r"b: column 'u' is there twice"):
        read(folder / "b", tmp_path / "in", format="table", table={"user": 1, "item": 2, "time": 3})


def test_a_first_row_without_a_time_is_no_header(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_text(f"a,b,5,N/A\na,c,5,{TIME}\na,d,5,{TIME}\n")
    table = {"user": 1, "item": 2, "rating": 3, "time": 4}
    good, bad = read(raw, tmp_path / "in", format="table", table=table)
    assert (len(good), bad["reason"].to_list()) == (2, ["bad_time"])
