"""What a prepared folder must be, broken in each way."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from pipeline.config import NeighbourConfig
from pipeline.errors import InputError
from pipeline.neighbours import add_neighbours
from pipeline.schemas import validate
from tests.conftest import dense_rows
from tests.pipeline.preparing import Write, prepared


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("users.parquet", pl.col("user_id") + 1, "wanted ids 1, 2, 3"),
        ("items.parquet", pl.col("item_id") * 0 + 1, "failures"),
        ("sequences.parquet", pl.col("timestamps").list.reverse(), "times that do not decrease"),
        ("sequences.parquet", pl.col("items").list.head(3), "as many timestamps|length"),
        ("neighbours.parquet", pl.col("item_id").alias("neighbour_id"), "never the item itself"),
        ("neighbours.parquet", pl.col("similarity") * -1, "failures"),
        ("neighbours.parquet", pl.col("neighbour_id") + 100, "only known neighbours"),
        ("neighbours.parquet", pl.col("item_id").cast(pl.Int64), "failures"),
        ("interactions.parquet", pl.col("timestamp") * 1000, "failures"),
        ("rejects.parquet", pl.lit("").alias("reason"), "failures"),
    ],
)
def test_validation_names_what_is_wrong(
    write_dump: Write, tmp_path: Path, name: str, change: pl.Expr, told: str
) -> None:
    folder = prepared(write_dump(dense_rows(), extra=["<html>"]), tmp_path, min_count=5)
    add_neighbours(folder, NeighbourConfig())
    validate(folder)
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    frame = pl.read_parquet(broken / name).with_columns(change)
    (broken / name).unlink()
    frame.write_parquet(broken / name)
    with pytest.raises(InputError, match=told) as caught:
        validate(broken)
    assert name in str(caught.value)
