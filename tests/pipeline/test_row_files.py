"""Good rows and bad rows part ways, in their order, however many are bad."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from pipeline import row_files as module
from pipeline.lines import Lines
from pipeline.row_files import RowFiles

PARSED = pa.schema(
    [
        *(("user", pa.string()), ("item", pa.string()), ("rating", pa.float32())),
        *(("timestamp", pa.int64()), ("row", pa.int64())),
        *(("reason", pa.string()), ("line", pa.string())),
    ]
)


@pytest.mark.parametrize("bad_at_once", [0, 1000])
@pytest.mark.parametrize("bad", [set(), {1}, {20}, {1, 2, 9, 20}, set(range(1, 21))])
def test_rows_part_ways(
    bad: set[int], bad_at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BAD_AT_ONCE", bad_at_once)
    rows = [
        {
            "user": f"u{n}",
            "item": "i",
            "rating": None if n % 3 else 4.0,
            "timestamp": n,
            "row": n,
            "reason": "why" if n in bad else None,
            "line": "x" if n in bad else None,
        }
        for n in range(1, 21)
    ]
    table = pa.Table.from_pylist(rows, PARSED)
    with RowFiles(tmp_path, Lines([])) as files:
        for batch in table.to_batches(max_chunksize=7):
            files.add(batch)
    good = pl.read_parquet(tmp_path / "interactions.parquet")
    names = ["user", "item", "rating", "timestamp", "row"]
    assert good.to_dicts() == [
        {name: row[name] for name in names} for row in rows if row["reason"] is None
    ]
    assert pl.read_parquet(tmp_path / "rejects.parquet")["row"].to_list() == sorted(bad)
    assert (files.good, files.bad) == (20 - len(bad), len(bad))
