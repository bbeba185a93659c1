"""What the engine writes and reads, and what it says where memory is short."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import engine
from pipeline.errors import MachineError


def test_the_bytes_do_not_depend_on_how_rows_are_cut_into_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ROW_GROUP", 10)
    schema = pa.schema([("n", pa.int64())])
    told = []
    for size in (1, 3, 10, 25, 35):
        starts = range(0, 35, size)
        batches = [
            pa.record_batch([pa.array(range(s, min(s + size, 35)))], names=["n"]) for s in starts
        ]
        path = tmp_path / f"{size}.parquet"
        assert engine.write_batches(batches, path, schema) == 35
        told.append(path.read_bytes())
        rows = [pq.ParquetFile(path).metadata.row_group(k).num_rows for k in range(4)]
        assert rows == [10, 10, 10, 5]
    assert len(set(told)) == 1
    assert engine.write_batches([], tmp_path / "none.parquet", schema) == 0


def test_a_path_that_is_a_pattern_is_that_file_alone(tmp_path: Path) -> None:
    for name in ("1", "[1]", "axb", "a*b"):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"name": [name]}), tmp_path / name / "t.parquet")
    with engine.open_engine(tmp_path, "512MB", 1) as opened:
        for name in ("[1]", "a*b"):
            opened.parquet("t", tmp_path / name / "t.parquet")
            assert opened.connection.sql("from t").fetchall() == [(name,)]


def test_too_little_memory_is_the_machine_s_fault(tmp_path: Path) -> None:
    duckdb = engine.duckdb
    with (
        pytest.raises(MachineError, match="--memory"),
        engine.open_engine(tmp_path, "64MB", 1),
    ):
        raise duckdb.OutOfMemoryException("Out of Memory Error: failed")
