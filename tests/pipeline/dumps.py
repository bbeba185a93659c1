"""Lines of dumps, and what reading them gives, for the tests of bad input."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.config import DataConfig
from pipeline.interactions import ingest

TIME = 1_300_000_000


def line(**changes: Any) -> str:
    row = {"reviewerID": "u", "asin": "i", "overall": 5.0, "unixReviewTime": TIME}
    return json.dumps(row | changes) + "\n"


def read(raw: Path, out: Path, **options: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ingest; give the interactions and the rejects."""
    ingest([raw], out, DataConfig(**{"max_rejects": 1.0} | options))
    return pl.read_parquet(out / "interactions.parquet"), pl.read_parquet(out / "rejects.parquet")
