"""Tables of any kind: where their columns are, and Parquet as a stream of columns."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import TableConfig
from pipeline.earlier import Reach
from pipeline.errors import InputError
from pipeline.lines import Lines
from pipeline.quotes import field_pattern

DELIMITERS = ("\t", "::", ",", ";", "|", " ")
"""What is looked for in the first line, in this order, where the config names none."""
PARQUET = b"PAR1"
KNOWN_NAMES = {
    "user": ("user", "user_id", "userid", "reviewerid", "uid", "customer_id", "session_id"),
    "item": (
        *("item", "item_id", "itemid", "parent_asin", "asin", "iid", "movieid", "movie_id"),
        *("product_id", "productid", "business_id", "artist_id", "track_id"),
    ),
    "rating": ("rating", "stars", "overall", "score", "ratings"),
    "time": ("time", "timestamp", "unixreviewtime", "date", "datetime", "unixtime", "ts"),
}
"""Column names by which a table's header is understood, in lower case."""
COLUMNS = pa.schema(
    [("row", pa.int64())]
    + [(n, pa.string()) for n in ("text", "problem", "user", "item", "rating", "time")]
)
ROLES = ("user", "item", "rating", "time")
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
    quoted = delimiter if table.quotes and len(delimiter) == 1 else None
    line = first_line(files, member, quoted)  # once more, since it may hold line ends
    cells = split_line(line, delimiter, table.quotes)
    has_header = table.header
    if has_header is None:
        has_header = any(isinstance(column, str) for column in table.columns())
        has_header = has_header or _names_the_time(cells, table.time)
    for other in files[1:] if has_header else []:
        if first_line([other], member, quoted) != line:
            raise InputError(
                f"{other}: its header is not that of {files[0]}; prepare them one by one, or give "
                "all of them the same columns"
            )
    names = [cell.strip() for cell in cells] if has_header else []
    places = {
        f"{role}_place": _place(files[0], column, names, len(cells))
        for role in ROLES
        for column in [getattr(table, role)]
    }
    _refuse_same_place(files[0], places)
    return places | {
        "delimiter": delimiter,
        "field_pattern": field_pattern(delimiter) if quoted else None,
        "header": line if has_header else None,
        "num_columns": len(cells),
        "time_unit": "format" if table.time_format else table.time_unit,
    }


def first_line(files: list[Path], member: str, delimiter: str | None = None) -> str:
    """Give the first line that has anything on it, without its end.

    Errors: InputError where there is none.
    """
    for batch in Lines(files, member, delimiter, allow_truncated=True).reader():
        if len(batch):
            return str(batch["text"][0]).rstrip("\r\n")
    raise InputError(f"{files[0]}: no line with anything on it; get the dump again")


def find_delimiter(file: Path, line: str) -> str:
    """Take the first delimiter that makes at least three columns of a line.

    Errors: InputError where none does.
    """
    cut = {delimiter: split_line(line, delimiter, quotes=True) for delimiter in DELIMITERS}
    for delimiter, cells in cut.items():
        if len([cell for cell in cells if cell.strip()]) >= 3:
            return delimiter
    for delimiter, cells in cut.items():
        if len(cells) >= 3 and delimiter.strip():  # with nothing in some of them
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


def _names_the_time(cells: list[str], time: str | int) -> bool:
    """Tell a header: where its time should be, there is a name that times go by."""
    cell = cells[time - 1] if isinstance(time, int) and time <= len(cells) else ""
    return cell.strip().lower() in KNOWN_NAMES["time"]


def _refuse_same_place(file: Path, places: dict[str, int | None]) -> None:
    taken = [place for place in places.values() if place]
    if len(set(taken)) < len(taken):
        raise InputError(f"{file}: two of user, item, time and rating are the same column")


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
    told = ", ".join(map(repr, names))[:200]
    raise InputError(f"{file}: column {column!r} is {what} in the header: {told}")


def parquet_columns(table: TableConfig, lines: Lines) -> pa.RecordBatchReader:
    """Give the columns of the files of `lines`, all Parquet, as text; rows are numbered from 1.

    Moments become Unix seconds. Errors: InputError for a column that is not there or holds no
    values; it is also kept in `lines.error`.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from _parquet_batches(table, lines)
        except InputError as exc:
            lines.error = exc
            raise

    return pa.RecordBatchReader.from_batches(COLUMNS, batches())


def parquet_layout(files: list[Path], table: TableConfig) -> dict[str, Any]:
    """Find out in what unit the times are; the settings of the statement."""
    schema = read_schema(files[0])
    place = _place(files[0], table.time, schema.names, len(schema.names))
    is_moment = place is not None and pa.types.is_temporal(schema.types[place - 1])
    unit = "format" if table.time_format else table.time_unit
    return {"time_unit": "seconds" if is_moment else unit}


def read_schema(file: Path) -> pa.Schema:
    """Read what columns a Parquet file has.

    Errors: InputError where it is damaged.
    """
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError) as exc:
        raise InputError(f"{file}: cannot be read as Parquet ({exc}); get it again") from exc


def _parquet_batches(table: TableConfig, lines: Lines) -> Iterator[pa.RecordBatch]:
    first = lines.taken.next_row
    kinds: set[bool] = set()
    for place, path in enumerate(lines.files):
        schema = read_schema(path)
        names = _parquet_names(path, schema.names, table)
        kinds.add(pa.types.is_temporal(schema.field(names["time"]).type))
        if len(kinds) > 1:
            raise InputError(
                f"{path}: its times are of another type than those of {lines.files[0]}; prepare "
                "them one by one"
            )
        if place < len(lines.taken.whole):
            continue
        lines.starts.append(first)
        try:
            for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS, columns=[*names.values()]):
                rows = pa.array(np.arange(first, first + len(batch)), pa.int64())
                empty = pa.nulls(len(batch), pa.string())
                cells = {role: _as_text(path, name, batch[name]) for role, name in names.items()}
                columns = [rows, empty, empty, *(cells.get(role, empty) for role in ROLES)]
                yield pa.record_batch(columns, schema=COLUMNS)
                first += len(batch)
        except (pa.ArrowException, OSError) as exc:
            raise InputError(f"{path}: cannot be read as Parquet ({exc})") from exc
        lines.reaches.append(Reach(next_row=first))


def _parquet_names(path: Path, names: list[str], table: TableConfig) -> dict[str, str]:
    """Give the name of each role's column in a Parquet file."""
    places = {role: _place(path, getattr(table, role), names, len(names)) for role in ROLES}
    _refuse_same_place(path, places)
    found = {role: names[place - 1] for role, place in places.items() if place}
    twice = [name for name in found.values() if names.count(name) > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]!r} is there twice; rename one of the two")
    return found


def _as_text(path: Path, name: str, cells: pa.Array) -> pa.Array:
    """Give cells as text; moments as Unix seconds."""
    try:
        if pa.types.is_temporal(cells.type):
            return pc.cast(cells, pa.timestamp("s"), safe=False).cast(pa.int64()).cast(pa.string())
        return cells.cast(pa.string())
    except pa.ArrowInvalid as exc:
        raise InputError(f"{path}: column {name!r} cannot be read as text ({exc})") from exc
    except pa.ArrowNotImplementedError as exc:
        raise InputError(
            f"{path}: column {name!r} is of type {cells.type}; ids, ratings and times are not"
        ) from exc
