"""Tables of any kind: where their columns are, and Parquet as a stream of columns."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import TableConfig
from pipeline.errors import InputError
from pipeline.lines import Lines

DELIMITERS = ("\t", "::", ",", ";", "|", " ")
"""What is looked for in the first line, in this order, where the config names none."""
PARQUET = b"PAR1"
COLUMNS = pa.schema(
    [("row", pa.int64())]
    + [(n, pa.string()) for n in ("text", "problem", "user", "item", "rating", "time")]
)
BATCH_ROWS = 122_880


def is_parquet(path: Path) -> bool:
    """Tell by the first bytes whether a file is Parquet."""
    with path.open("rb") as file:
        return file.read(4) == PARQUET


def text_layout(files: list[Path], table: TableConfig, member: str) -> dict[str, Any]:
    """Find out where the columns of a text table are; the settings of the statements.

    Errors: InputError for a column that is not there, and for files with different headers.
    """
    line = first_line(files, member)
    delimiter = table.delimiter or find_delimiter(files[0], line)
    cells = split_line(line, delimiter, table.quotes)
    has_header = table.header
    if has_header is None:
        has_header = any(isinstance(column, str) for column in table.columns())
        has_header = has_header or _is_name(cells, table.time)
    for other in files[1:] if has_header else []:
        if first_line([other], member) != line:
            raise InputError(
                f"{other}: its header is not that of {files[0]}; prepare them one by one, or give "
                "all of them the same columns"
            )
    names = cells if has_header else []
    places = {
        f"{role}_place": _place(files[0], column, names, len(cells))
        for role in ("user", "item", "rating", "time")
        for column in [getattr(table, role)]
    }
    return places | {
        "delimiter": delimiter,
        "quotes": table.quotes,
        "header": line if has_header else None,
        "num_columns": len(cells),
        "time_unit": "format" if table.time_format else table.time_unit,
    }


def first_line(files: list[Path], member: str) -> str:
    """Give the first line that has anything on it, without its end.

    Errors: InputError where there is none.
    """
    for batch in Lines(files, member, allow_truncated=True).reader():
        if len(batch):
            return str(batch["text"][0]).rstrip("\r\n")
    raise InputError(f"{files[0]}: no line with anything on it; get the dump again")


def find_delimiter(file: Path, line: str) -> str:
    """Take the first delimiter that makes at least three columns of a line.

    Errors: InputError where none does.
    """
    for delimiter in DELIMITERS:
        if len([cell for cell in split_line(line, delimiter, quotes=True) if cell.strip()]) >= 3:
            return delimiter
    raise InputError(
        f"{file}: no delimiter makes three columns of the first line {line[:80]!r}; "
        "name it with data.table.delimiter (--delimiter)"
    )


def split_line(line: str, delimiter: str, quotes: bool) -> list[str]:
    """Cut one line into its columns."""
    if len(delimiter) > 1 or not quotes:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a bare carriage return, a field of many megabytes
        return line.split(delimiter)


def _is_name(cells: list[str], time: str | int) -> bool:
    """Tell a header: where its time should be, there is no digit."""
    cell = cells[time - 1] if isinstance(time, int) and time <= len(cells) else "0"
    return bool(cell.strip()) and not any(char.isdigit() for char in cell)


def _place(file: Path, column: str | int | None, names: list[str], num_columns: int) -> int | None:
    if column is None:
        return None
    if isinstance(column, int):
        if column > num_columns:
            raise InputError(f"{file}: there is no column {column}, only {num_columns}")
        return column
    if names.count(column) == 1:
        return names.index(column) + 1
    what = "twice" if column in names else "not"
    raise InputError(f"{file}: column {column!r} is {what} in the header: {', '.join(names)[:200]}")


def parquet_columns(files: list[Path], table: TableConfig, lines: Lines) -> pa.RecordBatchReader:
    """Give the columns of Parquet files as text, rows numbered over all files from 1.

    Moments become Unix seconds. Errors: InputError for a column that is not there or holds no
    values; it is also kept in `lines.error`.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from _parquet_batches(files, table)
        except InputError as exc:
            lines.error = exc
            raise

    return pa.RecordBatchReader.from_batches(COLUMNS, batches())


def parquet_layout(files: list[Path], table: TableConfig) -> dict[str, Any]:
    """Find out in what unit the times are; the settings of the statement."""
    try:
        schema = pq.read_schema(files[0])
    except (pa.ArrowException, OSError) as exc:
        raise InputError(f"{files[0]}: cannot be read as Parquet ({exc}); get it again") from exc
    place = _place(files[0], table.time, schema.names, len(schema.names))
    is_moment = place is not None and pa.types.is_temporal(schema.types[place - 1])
    unit = "format" if table.time_format else table.time_unit
    return {"time_unit": "seconds" if is_moment else unit}


def _parquet_batches(files: list[Path], table: TableConfig) -> Iterator[pa.RecordBatch]:
    first = 1
    roles = ("user", "item", "rating", "time")
    for path in files:
        try:
            file = pq.ParquetFile(path)
            schema = file.schema_arrow
            found = {
                role: place - 1
                for role in roles
                if (place := _place(path, getattr(table, role), schema.names, len(schema)))
            }
            wanted = [schema.names[place] for place in found.values()]
            for batch in file.iter_batches(BATCH_ROWS, columns=wanted):
                rows = pa.array(range(first, first + len(batch)), pa.int64())
                empty = pa.nulls(len(batch), pa.string())
                cells = {role: _as_text(batch[schema.names[p]]) for role, p in found.items()}
                columns = [rows, empty, empty, *(cells.get(role, empty) for role in roles)]
                yield pa.record_batch(columns, schema=COLUMNS)
                first += len(batch)
        except (pa.ArrowException, OSError) as exc:
            raise InputError(f"{path}: cannot be read as Parquet ({exc})") from exc


def _as_text(cells: pa.Array) -> pa.Array:
    """Give cells as text; moments as Unix seconds."""
    if pa.types.is_temporal(cells.type):
        return pc.cast(cells, pa.timestamp("s"), safe=False).cast(pa.int64()).cast(pa.string())
    try:
        return cells.cast(pa.string())
    except pa.ArrowInvalid as exc:
        raise InputError(f"a column of type {cells.type} cannot be read as text ({exc})") from exc
    except pa.ArrowNotImplementedError as exc:
        raise InputError(f"a column of type {cells.type} holds no ids, ratings or times") from exc
