"""Ingest: bad rows set aside, and dumps and folders that are refused whole."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.config import DataConfig
from pipeline.errors import InputError
from pipeline.interactions import ingest
from tests.conftest import dense_rows
from tests.pipeline.preparing import Write, passport, prepared


def test_rejects_keep_their_line_and_reason(write_dump: Write, tmp_path: Path) -> None:
    raw = write_dump(dense_rows(), extra=["<html>", '{"reviewerID": "u0"', '{"asin": "x"}'])
    folder = prepared(raw, tmp_path)
    rejects = pl.read_parquet(folder / "rejects.parquet").rows()
    assert rejects == [
        (37, "not_json", "<html>"),
        (38, "truncated", '{"reviewerID": "u0"'),
        (39, "missing_user", '{"asin": "x"}'),
    ]
    values = passport(folder)
    assert values["raw_rows"] == 39
    assert values["rejected_rows"] == {"missing_user": 1, "not_json": 1, "truncated": 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<!doctype html><html>", "looks like an HTML page"),
        ('[{"reviewerID": 1},', "looks like a JSON array"),
        ('{\n  "reviewerID": "a"\n}', "looks like pretty-printed JSON"),
        ('{"who": "a", "what": "b"}', "JSON with other fields"),
        ("\n\r\n\n", "no line with anything on it"),
        ("u,i,5.0,1300000000\nv,j,4.0,1300000000\n", "try --format amazon_ratings_2014 or"),
    ],
)
def test_a_dump_of_another_kind_is_told_what_it_looks_like(
    tmp_path: Path, text: str, told: str
) -> None:
    raw = tmp_path / "raw"
    raw.write_text(text)
    with pytest.raises(InputError, match=told):
        ingest([raw], tmp_path / "in", DataConfig())
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_a_truncated_dump_leaves_nothing(write_dump: Write, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    rows = [(f"u{random.integers(999)}", f"i{random.integers(999)}", 1) for _ in range(3000)]
    raw = write_dump(rows)
    raw.write_bytes(raw.read_bytes()[:-2000])
    with pytest.raises(InputError, match="breaks off"):
        ingest([raw], tmp_path / "in", DataConfig())
    assert not (tmp_path / "in").exists()


def test_a_folder_that_is_not_ours_is_left_alone(write_dump: Write, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="not made by basrec"):
        ingest([write_dump(dense_rows())], tmp_path / "in", DataConfig())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        ingest([write_dump(dense_rows())], tmp_path / "file", DataConfig())
