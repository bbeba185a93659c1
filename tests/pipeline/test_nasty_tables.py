"""What becomes of tables, as text and as Parquet, that are not what they should be."""

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import TableConfig
from pipeline.errors import InputError
from tests.pipeline.dumps import TIME, read


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
