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


@pytest.mark.parametrize(
    "header", ["item_id,user_id,rating,timestamp", "movieId,userId,rating,timestamp,x"]
)
def test_a_header_is_obeyed_also_where_times_are_milliseconds(header: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    more = ",x" if header.endswith("x") else ""
    rows = [f"i{n},u{n},4.0,{TIME}000{more}\n" for n in range(300)]
    raw.write_text("".join([header + "\n", *rows]))
    ingest([raw], tmp_path / "in", DataConfig(format="auto"))
    good = pl.read_parquet(tmp_path / "in" / "interactions.parquet")
    assert good.row(7)[:2] == ("u7", "i7") and good["timestamp"][7] == TIME


def test_every_file_is_judged(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"A2XXXXXXXXXXX,B000000001,4.0,{TIME}\n" * 9)
    (tmp_path / "b").write_text(f"B000000001,A2XXXXXXXXXXX,4.0,{TIME}\n" * 9)
    files = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(InputError, match=r"b: is no amazon_ratings_2014, which .*a is"):
        ingest(files, tmp_path / "in", DataConfig(format="auto"))


def test_columns_that_are_given_make_it_a_table(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_text(f"0123456789,A2XXXXXXXXXXX,4.0,{TIME}\n")
    table = {"user": 1, "item": 2, "time": 4}
    config = DataConfig.model_validate({"format": "auto", "table": table})
    assert ingest([raw], tmp_path / "in", config).config["format"] == "table"
    assert pl.read_parquet(tmp_path / "in" / "interactions.parquet")["user"][0] == "0123456789"


@pytest.mark.parametrize("factor", [1, 1000, 1_000_000, 1_000_000_000])
@pytest.mark.parametrize("kind", ["text", "parquet"])
def test_the_size_of_times_tells_their_unit(kind: str, factor: int, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    times = [None, TIME * factor, (TIME + 1) * factor]
    frame = pl.DataFrame({"user": ["a", "b", "c"], "item": ["x", "y", "z"], "time": times})
    frame.write_csv(raw) if kind == "text" else frame.write_parquet(raw)
    ingest([raw], tmp_path / "in", DataConfig(format="auto", max_rejects=0.5))
    good = pl.read_parquet(tmp_path / "in" / "interactions.parquet")
    assert good["timestamp"].to_list() == [TIME, TIME + 1]


def test_broken_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"PAR1rest")
    with pytest.raises(InputError, match="raw: cannot be read as Parquet"):
        ingest([tmp_path / "raw"], tmp_path / "in", DataConfig(format="auto"))


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


def test_users_that_look_like_products_are_refused(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_text(f"A2XXXXXXXXXXX,B000000001,4.0,{TIME}\n" * 9)
    with pytest.raises(InputError, match="seems to be amazon_ratings_2014"):
        ingest([raw], tmp_path / "in", DataConfig(format="amazon_ratings_2018"))
    raw.write_text(f"u,i,4.0,{TIME}\n" * 9)  # ids that say nothing are taken as they are told
    assert ingest([raw], tmp_path / "in", DataConfig(format="amazon_ratings_2018")).rows["raw"] == 9
