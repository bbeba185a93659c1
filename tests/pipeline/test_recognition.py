"""Format auto: told by the content, whatever the name."""

import json
from pathlib import Path

import polars as pl
import pytest

from pipeline.config import DataConfig
from pipeline.errors import InputError
from pipeline.interactions import ingest
from pipeline.manifest import read_manifest

TIME = 1_391_040_000
AMAZON = {"reviewerID": "A2X", "asin": "B000000001", "overall": 4.0, "unixReviewTime": TIME}
NEWER = {"user_id": "U", "parent_asin": "P", "rating": 4.0, "timestamp": TIME * 1000}
YELP = {"user_id": "U", "business_id": "I", "stars": 3.0, "date": "2019-01-02 03:04:05"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (json.dumps(AMAZON), "amazon_2018"),
        (repr(AMAZON), "amazon_2018"),
        (json.dumps(NEWER), "amazon_2023"),
        (json.dumps(YELP), "yelp"),
        (f"A2XXXXXXXXXXX,B000000001,4.0,{TIME}", "amazon_ratings_2014"),
        (f"0123456789,A2XXXXXXXXXXX,4.0,{TIME}", "amazon_ratings_2018"),
        (f"user_id,parent_asin,rating,timestamp\nU,P,4.0,{TIME}000", "amazon_ratings_2023"),
        (f"userId,movieId,rating,timestamp\n1,2,3.5,{TIME}", "table"),
        (f"User\tItem\tTime\n1\t2\t{TIME}000", "table"),
        ("date;item_id;user_id\n2014-01-30 01:02:03;2;1", "table"),
    ],
)
def test_the_content_tells_the_format(text: str, name: str, tmp_path: Path) -> None:
    raw = tmp_path / "misleading.parquet"
    raw.write_text(text + "\n")
    manifest = ingest([raw], tmp_path / "in", DataConfig(format="auto"))
    assert manifest.config["format"] == name
    assert manifest.rows["interactions"] == 1
    good = pl.read_parquet(tmp_path / "in" / "interactions.parquet")
    assert good["timestamp"][0] // 86_400 in (TIME // 86_400, 17_898)
    assert read_manifest(tmp_path / "in", "ingest").config["format"] == name


@pytest.mark.parametrize("user", ["user_id", "User"])
def test_a_header_of_known_names_wins_over_the_shape_of_the_rows(user: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    rows = [f"i{n},u{n},{n % 5}.0,{TIME}\n" for n in range(50)]
    raw.write_text("".join([f"item_id,{user},rating,timestamp\n", *rows]))
    manifest = ingest([raw], tmp_path / "in", DataConfig(format="auto"))
    assert manifest.config["format"] == "table" and manifest.rows["rejects"] == 0
    good = pl.read_parquet(tmp_path / "in" / "interactions.parquet")
    assert good.row(7)[:2] == ("u7", "i7")


def test_parquet_with_known_names(tmp_path: Path) -> None:
    frame = {"user_id": ["a"], "item_id": ["b"], "timestamp": pl.from_epoch(pl.Series([TIME]))}
    pl.DataFrame(frame).write_parquet(tmp_path / "raw.csv")
    ingest([tmp_path / "raw.csv"], tmp_path / "in", DataConfig(format="auto"))
    good = pl.read_parquet(tmp_path / "in" / "interactions.parquet")
    assert good["timestamp"].to_list() == [TIME]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"196\t242\t3\t{TIME}", "table of 4 columns .*--columns user=1"),
        ("[", "JSON array"),
        ("{\n", "pretty-printed"),
        ("<html>", "HTML page"),
        ('{"who": 1}', "JSON with other fields"),
        (f"U,I,4.0,{TIME}", "fits amazon_ratings_2014 and amazon_ratings_2018"),
        ("hello", "no delimiter makes three columns"),
        ("\n\n", "no line with anything"),
    ],
)
def test_what_is_not_recognised_is_told(text: str, told: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_text(text + "\n")
    with pytest.raises(InputError, match=told):
        ingest([raw], tmp_path / "in", DataConfig(format="auto"))
    assert not (tmp_path / "in").exists()
