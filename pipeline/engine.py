"""Run statements on DuckDB, within bounded memory and without the network."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import InputError, MachineError
from pipeline.statements import statement

ROW_GROUP = 122_880
NOT_OF_FILES = (
    *(duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException),
    *(duckdb.InternalException, duckdb.NotImplementedException, duckdb.InterruptException),
)
"""What no file can be to blame for, once its columns are as they should be."""


@dataclass(frozen=True)
class Engine:
    """A DuckDB database of its own, gone when the work is done."""

    connection: duckdb.DuckDBPyConnection

    def table(self, name: str, source: str) -> None:
        """Make (or replace) a table from a statement."""
        self.connection.execute(f"create or replace table {name} as {statement(source)}")

    def view(self, name: str, source: str) -> None:
        """Make a view from a statement."""
        self.connection.execute(f"create or replace view {name} as {statement(source)}")

    def register(self, name: str, data: Any) -> None:
        """Make Arrow data readable under a name."""
        self.connection.register(name, data)

    def settings(self, **values: Any) -> None:
        """Set what the statements read by getvariable: constants to them, never pasted into SQL."""
        for name, value in values.items():
            self.connection.execute(f"set variable {name} = ?", [value])

    def parquet(self, name: str, path: Path) -> None:
        """Make a Parquet file readable under a name."""
        self.parquet_rows(path).create_view(name, replace=True)

    def parquet_rows(self, path: Path) -> duckdb.DuckDBPyRelation:
        """Give the rows of this very file, though its path be a pattern that fits others."""
        return self.connection.read_parquet(escape(str(path)))

    def rename(self, old: str, new: str) -> None:
        """Put a table in the place of another."""
        self.drop(new)
        self.connection.execute(f"alter table {old} rename to {new}")

    def drop(self, *names: str) -> None:
        """Give back the space of tables (and views) that are not needed any more."""
        kinds = dict(
            self.connection.execute(
                "select table_name, table_type from information_schema.tables"
            ).fetchall()
        )
        for name in names:
            if name in kinds:
                kind = "view" if kinds[name] == "VIEW" else "table"
                self.connection.execute(f"drop {kind} {name}")

    def rows(self, source: str) -> list[dict[str, Any]]:
        """Run a statement that gives few rows."""
        result = self.connection.execute(statement(source))
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def batches(self, source: str, size: int = ROW_GROUP) -> pa.RecordBatchReader:
        """Run a statement that gives many rows, as a stream."""
        return self.connection.sql(statement(source)).to_arrow_reader(size)

    def write(self, source: str, path: Path, schema: pa.Schema) -> int:
        """Write a statement's rows to Parquet, the same bytes for the same rows."""
        return write_batches(self.batches(source), path, schema)


def write_batches(batches: Any, path: Path, schema: pa.Schema) -> int:
    """Write batches to Parquet with the schema that the folder promises; give the rows.

    Row groups are alike however the rows are cut into batches, so that the bytes are too.
    """
    num_rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in _row_groups(batches, schema):
            writer.write_table(table, row_group_size=ROW_GROUP)
            num_rows += len(table)
    return num_rows


def _row_groups(batches: Any, schema: pa.Schema) -> Iterator[pa.Table]:
    """Gather batches to tables of ROW_GROUP rows, the last one shorter."""
    parts: list[pa.Table] = []
    waiting = 0
    for batch in batches:
        parts.append(pa.Table.from_batches([batch]).select(schema.names).cast(schema))
        waiting += len(batch)
        if waiting < ROW_GROUP:
            continue
        table, whole = pa.concat_tables(parts), waiting - waiting % ROW_GROUP
        for first in range(0, whole, ROW_GROUP):
            yield table.slice(first, ROW_GROUP)
        parts, waiting = [table.slice(whole)], waiting - whole
    if waiting:
        yield pa.concat_tables(parts)


@contextmanager
def open_engine(scratch: Path, memory: str, threads: int) -> Iterator[Engine]:
    """Open a database in `scratch`, which also takes what does not fit into `memory`.

    Errors: MachineError where memory or disk run out; InputError where files that are read are
    damaged.
    """
    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix=".engine-") as folder:
            settings = {
                "memory_limit": memory,
                "threads": threads,
                "temp_directory": folder,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
            with duckdb.connect(config=settings) as connection:  # type: ignore[arg-type]
                connection.execute("set TimeZone = 'UTC'")
                yield Engine(connection)
    except duckdb.OutOfMemoryException as exc:
        raise MachineError(
            f"DuckDB ran out of its {memory}; give more with --memory ({_first_line(exc)})"
        ) from exc
    except duckdb.Error as exc:
        if "No space left" in str(exc):
            raise MachineError(f"{_visible(scratch)}: the disk is full; free space") from exc
        if isinstance(exc, duckdb.IOException):
            raise MachineError(f"{_visible(scratch)}: disk trouble ({_first_line(exc)})") from exc
        if isinstance(exc, NOT_OF_FILES):
            raise
        raise InputError(
            f"{_visible(scratch)}: what it is made from is damaged ({_first_line(exc)}); make or "
            "get that again"
        ) from exc


def _visible(scratch: Path) -> Path:
    """Give the folder that the user knows, above our hidden ones."""
    hidden = [place for place in (scratch, *scratch.parents) if place.name.startswith(".")]
    return hidden[-1].parent if hidden else scratch


def _first_line(exc: Exception) -> str:
    return str(exc).strip().splitlines()[0]
