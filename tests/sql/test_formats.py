"""Each raw format: given lines, expected rows and reasons."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.engine import open_engine
from pipeline.formats import FORMATS
from pipeline.lines import SCHEMA
from pipeline.quotes import field_pattern
from pipeline.recognition import build_fields

TIME = 1_391_040_000  # 2014-01-30
Parsed = tuple[str | None, str | None, float | None, int | None, str | None]


LAYOUT = {
    "user_place": 1,
    "item_place": 2,
    "rating_place": 3,
    "time_place": 4,
    "delimiter": ",",
    "field_pattern": field_pattern(","),
    "header": None,
    "num_columns": 4,
    "time_unit": "seconds",
}


def parse(
    format_name: str, lines: list[str], tmp_path: Path, time_format: str = "%Y", **layout: Any
) -> list[Parsed]:
    table = pa.table(
        {"row": range(1, len(lines) + 1), "text": lines, "problem": [None] * len(lines)},
        schema=SCHEMA,
    )
    with open_engine(tmp_path, "512MB", 1) as engine:
        engine.register("lines", table)
        engine.settings(**LAYOUT | layout)
        engine.settings(time_format=time_format)
        build_fields(engine, FORMATS[format_name].statements)
        engine.table("parsed", "10_parsed")
        found = engine.connection.execute(
            "select user, item, rating, timestamp, reason from parsed order by row"
        )
        return [tuple(row) for row in found.fetchall()]


def amazon(**changes: Any) -> str:
    row = {"reviewerID": "U", "asin": "I", "overall": 4.0, "unixReviewTime": TIME} | changes
    return json.dumps({key: value for key, value in row.items() if value != "absent"})


@pytest.mark.parametrize("format_name", ["amazon_2014", "amazon_2018"])
def test_amazon_reviews(format_name: str, tmp_path: Path) -> None:
    cases = [
        (amazon(), None),
        (amazon(overall=None), None),
        (amazon(overall="absent"), None),
        (amazon(unixReviewTime=f"{TIME}.0"), None),
        (amazon(reviewerID=7), None),
        (amazon()[:30], "truncated"),
        ("<html>503</html>", "not_json"),
        ('["a", "list"]', "missing_user"),
        (amazon(reviewerID=None), "missing_user"),
        (amazon(reviewerID="  "), "missing_user"),
        (amazon(asin="absent"), "missing_item"),
        (amazon(unixReviewTime="absent"), "missing_time"),
        (amazon(unixReviewTime="yesterday"), "bad_time"),
        (amazon(unixReviewTime=-5), "time_out_of_range"),
        (amazon(unixReviewTime=TIME * 1000), "time_out_of_range"),
        (amazon(unixReviewTime=4_102_444_800), "time_out_of_range"),
        (amazon(unixReviewTime=4_102_444_799), None),
        (amazon(unixReviewTime="nan"), "bad_time"),
        (amazon(unixReviewTime=10**30), "bad_time"),
        (amazon(overall="five"), "bad_rating"),
        (amazon(overall="inf"), "bad_rating"),
    ]
    rows = parse(format_name, [line for line, _ in cases], tmp_path)
    assert [row[4] for row in rows] == [reason for _, reason in cases]
    assert rows[0][:4] == ("U", "I", 4.0, TIME)
    assert rows[1][2] is None and rows[3][3] == TIME and rows[4][0] == "7"


def test_ids_keep_quotes_commas_and_other_scripts(tmp_path: Path) -> None:
    odd = "a \"quoted\", 'odd' 好 \\ id; drop table parsed"
    assert parse("amazon_2014", [amazon(reviewerID=odd)], tmp_path)[0][0] == odd


def test_loose_lines_are_read_without_running_them(tmp_path: Path) -> None:
    odd = "it's \"odd\" \\ \x07 \u00e9 \n 'asin': 'wrong', {x}"
    row = {"reviewerName": odd, "helpful": [0, 3], "summary": None, "verified": True}
    row |= {"reviewerID": odd, "asin": "'q'", "overall": 4.0, "unixReviewTime": TIME}
    lines = [repr(row), repr(row)[:-5], "{'reviewerID': __import__('os').getcwd()}", "{'a': 1}"]
    rows = parse("amazon_2014", lines, tmp_path)
    assert rows[0] == (odd, "'q'", 4.0, TIME, None)
    assert [row[4] for row in rows[1:]] == ["truncated", "not_json", "missing_user"]


def test_amazon_2023_reviews_have_milliseconds_and_parents(tmp_path: Path) -> None:
    def line(**changes: Any) -> str:
        row = {"user_id": "U", "parent_asin": "P", "asin": "I", "rating": 4.0}
        return json.dumps(row | {"timestamp": TIME * 1000 + 999} | changes)

    lines = [line(), line(parent_asin=None), line(timestamp=TIME), line(parent_asin="", asin="I")]
    rows = parse("amazon_2023", lines, tmp_path)
    assert rows[0] == ("U", "P", 4.0, TIME, None)
    assert rows[1][1] == "I"
    assert [row[4] for row in rows[2:]] == ["time_out_of_range", "missing_item"]


def test_amazon_ratings_2023_with_and_without_history(tmp_path: Path) -> None:
    lines = [
        "user_id,parent_asin,rating,timestamp",
        f"U,I,4.0,{TIME}000",
        "user_id,parent_asin,rating,timestamp,history\n",
        f"U,I,4.0,{TIME}000,B1 B2\n",
        f"U,I,4.0,{TIME}000,B1,B2",
    ]
    rows = parse("amazon_ratings_2023", lines, tmp_path)
    assert rows[0] == rows[1] == ("U", "I", 4.0, TIME, None)
    assert [row[4] for row in rows[2:]] == ["not_csv"]


def test_tables_with_quotes(tmp_path: Path) -> None:
    lines = [
        f"U,I,4,{TIME}\r\n",
        f'"U","I",4,{TIME}\n',
        f'"say ""U"", now","a\nb","4",{TIME}\n',
        f'"",I,4,{TIME}',
        f'"""",I,4,{TIME}',
        f"U,I,4,{TIME},more",
        "U,I,4",
    ]
    rows = parse("table", lines, tmp_path)
    assert rows[0] == rows[1] == ("U", "I", 4.0, TIME, None)
    assert rows[2][:2] == ('say "U", now', "a\nb")
    assert rows[4][0] == '"'
    assert [row[4] for row in rows[3:]] == ["missing_user", None, "too_many_fields", "truncated"]
    plain = parse("table", [f'"U",I,4,{TIME}'], tmp_path, field_pattern=None)
    assert plain[0][0] == '"U"'


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("seconds", f"{TIME}.9"),
        ("milliseconds", f"{TIME}000"),
        ("microseconds", f"{TIME}000000"),
        ("nanoseconds", f"{TIME}000000000"),
        ("days", "16100"),
        ("iso", "2014-01-30"),
        ("iso", "2014-01-30T00:00:00Z"),
        ("iso", "2014-01-30 02:00:00+02:00"),
        ("format", "30/01/2014"),
    ],
)
def test_times_of_tables(unit: str, value: str, tmp_path: Path) -> None:
    line, form = f"U::I::4::{value}", "%d/%m/%Y"
    rows = parse("table", [line], tmp_path, form, delimiter="::", time_unit=unit)
    assert rows == [("U", "I", 4.0, TIME, None)]


def test_tables_without_ratings_and_with_a_header(tmp_path: Path) -> None:
    lines = ["when|who|what\n", f"{TIME}|U|I\n"]
    places = {"time_place": 1, "user_place": 2, "item_place": 3, "rating_place": None}
    options = places | {"num_columns": 3, "delimiter": "|", "header": "when|who|what"}
    assert parse("table", lines, tmp_path, **options) == [("U", "I", None, TIME, None)]


@pytest.mark.parametrize(
    ("format_name", "good"),
    [
        ("amazon_ratings_2014", f"U,I,4.0,{TIME}"),
        ("amazon_ratings_2018", f"I,U,4.0,{TIME}"),
    ],
)
def test_amazon_ratings(format_name: str, good: str, tmp_path: Path) -> None:
    cases = [
        (good, None),
        (good + "\r\n", None),
        (good.replace("4.0", ""), None),
        (good.rsplit(",", 2)[0], "truncated"),
        ("<html>503</html>", "not_csv"),
        (good + ",more", "not_csv"),
        (good.replace("U", ""), "missing_user"),
        (good.replace("U", "\t"), "missing_user"),
        (good.replace("I", " "), "missing_item"),
        (good.replace("I", "\u00a0"), "missing_item"),
        (good.replace(str(TIME), "\n"), "missing_time"),
        (good.replace(str(TIME), "yesterday"), "bad_time"),
        (good.replace("4.0", "four"), "bad_rating"),
    ]
    rows = parse(format_name, [line for line, _ in cases], tmp_path)
    assert [row[4] for row in rows] == [reason for _, reason in cases]
    assert rows[0][:4] == rows[1][:4] == ("U", "I", 4.0, TIME)


def test_yelp_dates_are_utc(tmp_path: Path) -> None:
    def line(date: str) -> str:
        values = {"user_id": "U", "business_id": "I", "stars": 3.0, "date": date}
        return json.dumps(values)

    dates = ["1970-01-01 00:00:00", "2019-12-31 00:00:00", "2019-12-31", "31.12.2019"]
    rows = parse("yelp", [line(date) for date in dates], tmp_path)
    assert rows[1] == ("U", "I", 3.0, 1_577_750_400, None)
    assert [row[4] for row in rows] == ["time_out_of_range", None, "bad_time", "bad_time"]


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_every_line_gets_one_row(format_name: str, tmp_path: Path) -> None:
    lines = ["", "x", "{", "{}", "null", "1", '"', "a,b,c,d", "\0", "{'a': 1}", "[" * 500]
    assert len(parse(format_name, lines, tmp_path)) == len(lines)
