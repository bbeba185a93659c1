"""Each raw format: given lines, expected rows and reasons."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.engine import open_engine
from pipeline.formats import FORMATS
from pipeline.lines import SCHEMA

TIME = 1_391_040_000  # 2014-01-30
Parsed = tuple[str | None, str | None, float | None, int | None, str | None]


def parse(format_name: str, lines: list[str], tmp_path: Path) -> list[Parsed]:
    table = pa.table(
        {"row": range(1, len(lines) + 1), "text": lines, "is_utf8": [True] * len(lines)},
        schema=SCHEMA,
    )
    with open_engine(tmp_path, "512MB", 1) as engine:
        engine.register("lines", table)
        engine.view("fields", FORMATS[format_name].statement)
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
        (amazon(unixReviewTime=-5), "bad_time"),
        (amazon(unixReviewTime=TIME * 1000), "bad_time"),
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
    assert [row[4] for row in rows] == ["bad_time", None, "bad_time", "bad_time"]


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_every_line_gets_one_row(format_name: str, tmp_path: Path) -> None:
    lines = ["", "x", "{", "{}", "null", "1", '"', "a,b,c,d", "\0", "{'a': 1}", "[" * 500]
    assert len(parse(format_name, lines, tmp_path)) == len(lines)
