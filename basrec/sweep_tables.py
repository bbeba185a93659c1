"""Read the tables that a sweep leaves, and refuse what a sweep does not write.

They are data that people pass on, cut and append by hand: a value that is out of its bounds or
stands twice is named, not shown.
"""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from basrec.errors import InputError
from basrec.results import CELL, METRICS, RESULTS, WATCHED, Row

TABLES = ("results.parquet", "results.csv")
"""The results; either will do, as where a folder was committed without what is binary."""
KNOWN = {"split": ("validation", "test"), "status": ("done", "failed")}
NAMED = (*CELL, "method", *KNOWN)
"""Columns of the results without which a row tells nothing."""
Beside = dict[tuple[str, ...], Row]
"""By cell: `timing` by column, `similarity` by kind over training, `history` as in history.jsonl,
with the summed loss alone, `origin` by column; each may be missing."""


def is_sweep(folder: Path) -> bool:
    """Tell a sweep's folder from a run's."""
    return _table_of(folder).is_file()


def _table_of(folder: Path) -> Path:
    """Give the results that are there, or where they would be."""
    places = [folder / name for name in TABLES]
    return next((path for path in places if path.is_file()), places[0])


def read_rows(folder: Path) -> list[Row]:
    """Read the results, a row a cell and split.

    Errors: InputError where no table is there, or one is not what a sweep writes.
    """
    path = _table_of(folder)
    types = {field.name: field.type for field in RESULTS}
    try:
        if path.suffix == ".csv":
            options = pa.csv.ConvertOptions(column_types=types)
            table = pa.csv.read_csv(path, convert_options=options)
        else:
            table = pq.read_table(path)
            typed = {n: table[n].cast(types.get(n, table[n].type)) for n in table.column_names}
            table = pa.table(typed)
        rows: list[Row] = table.to_pylist()
    except (OSError, pa.ArrowException) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); is this a sweep's folder?") from exc
    if not rows:
        raise InputError(f"{path}: holds no cells; has the sweep run?")
    if missing := [name for name in NAMED if name not in rows[0]]:
        raise InputError(f"{path}: no column {missing[0]!r}; is this a sweep's table?")
    _check_rows(path, rows)
    return rows


def _check_rows(path: Path, rows: Sequence[Row]) -> None:
    seen = set()
    for row in rows:
        place = ", ".join(str(row[name]) for name in (*CELL, "split"))
        if place in seen:
            raise InputError(f"{path}: {place}: stands twice; leave one of the two rows")
        seen.add(place)
        if empty := [name for name in NAMED if row[name] in (None, "")]:
            raise InputError(f"{path}: {place}: no {empty[0]}; sweep again")
        for name, values in KNOWN.items():
            if row[name] not in values:
                told = f"{name} {row[name]!r} is not known (known: {', '.join(values)})"
                raise InputError(f"{path}: {place}: {told}")
        for name in METRICS:
            value = row.get(name)
            if value is not None and not math.isnan(value) and not 0 <= value <= 1:
                raise InputError(f"{path}: {place}: {name} is {value:g}, not between 0 and 1")


def read_beside(folder: Path) -> Beside:
    """Read what the tables besides the results tell of each cell; none where there is no file.

    Errors: InputError where a file is not as promised.
    """
    told: Beside = {}
    for name, take in TAKEN.items():
        for number, row in enumerate(_lines(folder / name), 2):
            try:
                cell = tuple(str(row.pop(column)) for column in CELL)
                take(told.setdefault(cell, {}), row)
            except (LookupError, TypeError, ValueError, AttributeError) as exc:
                why = f"no column {exc}" if isinstance(exc, KeyError) else str(exc)
                place = f"{folder / name}, row {number}"
                raise InputError(f"{place}: not as a sweep writes it ({why}); sweep again") from exc
    return told


def _lines(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); sweep again") from exc


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value


def _take_timing(cell: Row, row: Mapping[str, str]) -> None:
    cell["timing"] = {name: _number(value) for name, value in row.items() if value}


def _take_similarity(cell: Row, row: Mapping[str, str]) -> None:
    cell.setdefault("similarity", {})[row["kind"]] = _number(row["over_training"])


def _take_epoch(cell: Row, row: Mapping[str, str]) -> None:
    """Give a row of history.csv the shape of a line of history.jsonl."""
    measured = {name: _number(row[name]) for name in WATCHED if row[name]}
    whole = {name: int(row[name]) for name in ("stage", "epoch")}
    told = {**whole, "loss": _number(row["loss"]), "losses": {}, "validation": measured or None}
    cell.setdefault("history", []).append(told)


def _take_origin(cell: Row, row: Mapping[str, str]) -> None:
    texts = {name: row[name] for name in ("config", "policy", "environment", "inputs")}
    origin = {name: dict(json.loads(text)) for name, text in texts.items()}
    origin["environment"]["versions"] = dict(origin["environment"]["versions"])
    cell["origin"] = origin | {"weights": row["weights"]}


TAKEN: dict[str, Callable[[Row, Mapping[str, str]], None]] = {
    "timings.csv": _take_timing,
    "similarity.csv": _take_similarity,
    "history.csv": _take_epoch,
    "origins.csv": _take_origin,
}
"""What reads a row of each table into what is told of its cell."""
