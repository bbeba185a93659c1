"""What a dump looks like: format `auto`, and what to tell people whose dump is another one."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import TableConfig
from pipeline.engine import Engine, open_engine
from pipeline.errors import InputError
from pipeline.formats import FORMATS
from pipeline.lines import Lines
from pipeline.table import find_delimiter, is_parquet, split_line

LINES_LOOKED_AT = 1000
MEMBER = "*review*"
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
NEEDED = {"user", "item", "time"}
HEADED = "amazon_ratings_2023"
"""The known format whose files have a header."""
MILLISECONDS_FROM = 100_000_000_000
"""Numbers from here on are no seconds: they would lie after the year 5138."""


def recognise(files: list[Path], member: str | None) -> tuple[str, TableConfig | None]:
    """Find the format of a dump from its content, and for a table where its columns are.

    Errors: InputError that says what the dump looks like where it is none or several.
    """
    if is_parquet(files[0]):
        names = pq.read_schema(files[0]).names
        return "table", _guessed(files[0], names, "iso")
    head = head_of(files, member or MEMBER)
    first = str(head["text"][0]).rstrip("\r\n")
    is_text = first.lstrip()[:1] not in ("{", "[", "<")
    found = fitting_formats(head)
    if is_text and HEADED not in found and _is_header(files[0], first):
        found = []  # its names say what is what, whatever the rows fit
    if len(found) == 1:
        return found[0], None
    if found:
        raise InputError(
            f"{files[0]}: fits {' and '.join(found)}; it begins {first[:60]!r}; name the one meant "
            "with --format"
        )
    if not is_text:
        raise InputError(f"{files[0]}: no known format; it begins {first[:60]!r}; {look(first)}")
    delimiter = find_delimiter(files[0], first)
    second = str(head["text"][min(1, len(head) - 1)]).rstrip("\r\n")
    names, values = (split_line(line, delimiter, quotes=True) for line in (first, second))
    table = _guessed(files[0], names, "seconds")
    place = names.index(str(table.time))
    return "table", table.model_copy(update={"time_unit": _unit(values[place : place + 1])})


def head_of(files: list[Path], member: str) -> pa.Table:
    """Give the first lines of a dump, (row, text, problem).

    Errors: InputError where there is no line with anything on it.
    """
    for batch in Lines(files, member, allow_truncated=True).reader():
        if len(batch):
            return pa.Table.from_batches([batch]).slice(0, LINES_LOOKED_AT)
    raise InputError(f"{files[0]}: no line with anything on it; get the dump again")


def fitting_formats(head: pa.Table) -> list[str]:
    """Give the formats under which most of these lines are good rows; tables are not tried.

    The two layouts of Amazon's reviews that read alike count as one, the newer.
    """
    fitting: dict[tuple[str, ...], str] = {}
    with open_engine(Path(tempfile.gettempdir()), "512MB", 1) as engine:
        engine.register("lines", head)
        for name, known in FORMATS.items():
            if name != "table" and _fits(engine, known.statements, len(head)):
                fitting[known.statements] = name
    return list(fitting.values())


def _fits(engine: Engine, statements: tuple[str, ...], num_lines: int) -> bool:
    build_fields(engine, statements)
    engine.table("parsed", "10_parsed")
    if sum(row["num_rows"] for row in engine.rows("13_reject_counts")) >= num_lines / 2:
        return False
    shapes = engine.rows("14_id_shapes")[0]
    return bool(shapes["asin_users"] <= shapes["asin_items"])


def build_fields(engine: Engine, statements: tuple[str, ...]) -> None:
    """Make the view `fields` from a format's statements, each a view that the next reads."""
    for name in statements[:-1]:
        engine.view("columns" if name == "table_lines" else name, f"formats/{name}")
    engine.view("fields", f"formats/{statements[-1]}")


def look(start: str) -> str:
    """Say what the first line looks like and what would work."""
    start = start.strip()
    if start.startswith("<"):
        return "it looks like an HTML page: get the dump itself"
    if start.startswith("["):
        return "it looks like a JSON array: write one object a line (jq -c '.[]')"
    if start == "{":
        return "it looks like pretty-printed JSON: write one object a line (jq -c .)"
    if start.startswith("{"):
        return "it is JSON with other fields: make a CSV of it and read that with --format table"
    return f"known formats: {', '.join(FORMATS)}"


def _is_header(file: Path, line: str) -> bool:
    """Tell whether a line names user, item and time."""
    try:
        names = split_line(line, find_delimiter(file, line), quotes=True)
    except InputError:  # no table at all
        return False
    return _columns(names).keys() >= NEEDED


def _columns(names: list[str]) -> dict[str, str]:
    """Give the first column that has one of the known names of each role."""
    found = {
        role: [name for name in names if name.strip().lower() in known]
        for role, known in KNOWN_NAMES.items()
    }
    return {role: columns[0] for role, columns in found.items() if columns}


def _guessed(file: Path, names: list[str], time_unit: str) -> TableConfig:
    """Take the columns from a header whose names are known."""
    columns = _columns(names)
    if not columns.keys() >= NEEDED:
        raise InputError(
            f"{file}: looks like a table of {len(names)} columns ({', '.join(names)[:120]}); "
            "name them: --format table --columns user=1,item=2,rating=3,time=4"
        )
    return TableConfig.model_validate(columns | {"time_unit": time_unit})


def _unit(values: list[str]) -> str:
    """Tell seconds, milliseconds and dates apart by one value."""
    try:
        number = float(values[0])
    except (ValueError, IndexError):
        return "iso"
    return "milliseconds" if number >= MILLISECONDS_FROM else "seconds"
