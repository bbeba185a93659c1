"""What a table's columns are, taken from a header of known names, and the unit of its times."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import TableConfig, TimeUnit
from pipeline.errors import InputError
from pipeline.table import KNOWN_NAMES, find_delimiter, read_schema, split_line

NEEDED = {"user", "item", "time"}
LATEST_SECOND = 1e11
"""Numbers from here on are no seconds, since these would lie after the year 5138."""
ROWS_LOOKED_AT = 1000


def names_a_table(file: Path, line: str) -> bool:
    """Tell whether a line names user, item and time."""
    try:
        names = split_line(line, find_delimiter(file, line), quotes=True)
    except InputError:  # no table at all
        return False
    return _columns(names).keys() >= NEEDED


def guess_text_table(file: Path, head: pa.Table) -> TableConfig:
    """Take the columns of a text table from its first lines.

    Errors: InputError where no names are known.
    """
    lines = [text.rstrip("\r\n") for text in head["text"].to_pylist()]
    delimiter = find_delimiter(file, lines[0])
    names, *rows = [split_line(line, delimiter, quotes=True) for line in lines]
    columns = _guessed(file, names)
    place = [name.strip() for name in names].index(columns["time"])
    times = [row[place] for row in rows if len(row) > place]
    return TableConfig.model_validate(columns | {"time_unit": _unit(times)})


def guess_parquet_table(file: Path) -> TableConfig:
    """Take the columns of a Parquet file from its names.

    Errors: InputError where no names are known, or the file is damaged.
    """
    columns = _guessed(file, read_schema(file).names)
    try:
        start = next(pq.ParquetFile(file).iter_batches(ROWS_LOOKED_AT, columns=[columns["time"]]))
        times = [str(value) for value in start.column(0).to_pylist() if value is not None]
    except StopIteration:
        times = []
    except (pa.ArrowException, OSError) as exc:
        raise InputError(f"{file}: cannot be read as Parquet ({exc}); get it again") from exc
    return TableConfig.model_validate(columns | {"time_unit": _unit(times)})


def _columns(names: list[str]) -> dict[str, str]:
    """Give the first column that has one of the known names of each role."""
    found = {
        role: [name.strip() for name in names if name.strip().lower() in known]
        for role, known in KNOWN_NAMES.items()
    }
    return {role: columns[0] for role, columns in found.items() if columns}


def _guessed(file: Path, names: list[str]) -> dict[str, str]:
    columns = _columns(names)
    if not columns.keys() >= NEEDED:
        raise InputError(
            f"{file}: looks like a table of {len(names)} columns ({', '.join(names)[:120]}); "
            "name them: --format table --columns user=1,item=2,rating=3,time=4"
        )
    return columns


def _unit(times: list[str]) -> TimeUnit:
    """Tell seconds, milliseconds, microseconds, nanoseconds and dates apart by their size."""
    told = [time for time in times if time.strip()]
    try:
        number = float(told[0]) if told else 0.0
    except ValueError:
        return "iso"
    units: list[TimeUnit] = ["seconds", "milliseconds", "microseconds"]
    for place, unit in enumerate(units):
        if abs(number) < LATEST_SECOND * 1000**place:
            return unit
    return "nanoseconds"
