"""What a dump looks like: format `auto`, and what to tell people whose dump is another one."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.config import TableConfig
from pipeline.engine import Engine, open_engine
from pipeline.errors import InputError
from pipeline.formats import FORMATS
from pipeline.guessing import guess_parquet_table, guess_text_table, names_a_table
from pipeline.lines import Lines
from pipeline.table import is_parquet

LINES_LOOKED_AT = 1000
MEMBER = "*review*"
SWAPPED = ("amazon_ratings_2014", "amazon_ratings_2018")
"""Two layouts that differ only in the order of users and items."""
HEADER_2023 = "user_id,parent_asin,"
"""How Amazon's rating files of 2023 begin; other headers are those of tables."""


def recognise(
    files: list[Path], member: str | None, table: TableConfig | None
) -> tuple[str, TableConfig | None]:
    """Find the format of a dump from its content, and for a table where its columns are.

    Where a table's columns are given it is a table. Errors: InputError that says what the dump
    looks like where it is none or several, and where files differ.
    """
    if table is not None:
        return "table", table
    if is_parquet(files[0]):
        return "table", guess_parquet_table(files[0])
    head = head_of(files[:1], member or MEMBER)
    first = str(head["text"][0]).rstrip("\r\n")
    if first.lstrip()[:1] not in ("{", "[", "<") and names_a_table(files[0], first):
        # Names say what is what, whatever the rows fit.
        if not first.startswith(HEADER_2023):
            return "table", guess_text_table(files[0], head)
        found = ["amazon_ratings_2023"]
    else:
        found = fitting_formats(head)
    if len(found) > 1:
        raise InputError(
            f"{files[0]}: fits {' and '.join(found)}; it begins {first[:60]!r}; name the one meant "
            "with --format"
        )
    if not found and first.lstrip()[:1] in ("{", "[", "<"):
        raise InputError(f"{files[0]}: no known format; it begins {first[:60]!r}; {look(first)}")
    if not found:
        return "table", guess_text_table(files[0], head)
    for other in files[1:]:
        if found[0] not in fitting_formats(head_of([other], member or MEMBER), found):
            raise InputError(
                f"{other}: is no {found[0]}, which {files[0]} is; prepare them one by one, or name "
                "the --format"
            )
    return found[0], None


def head_of(files: list[Path], member: str) -> pa.Table:
    """Give the first lines of a dump, (row, text, problem).

    Errors: InputError where there is no line with anything on it.
    """
    for batch in Lines(files, member, allow_truncated=True).reader():
        if len(batch):
            return pa.Table.from_batches([batch]).slice(0, LINES_LOOKED_AT)
    raise InputError(f"{files[0]}: no line with anything on it; get the dump again")


def fitting_formats(head: pa.Table, names: Sequence[str] = tuple(FORMATS)) -> list[str]:
    """Give those of some formats under which most lines are good rows; tables are not tried.

    The two layouts of Amazon's reviews that read alike count as one, the newer.
    """
    fitting: dict[tuple[str, ...], str] = {}
    with open_engine(Path(tempfile.gettempdir()), "512MB", 1) as engine:
        engine.register("lines", head)
        for name in names:
            statements = FORMATS[name].statements
            if name != "table" and _fits(engine, statements, len(head)):
                fitting[statements] = name
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


def refuse_swapped(engine: Engine, file: Path, name: str, good: pa.Table) -> None:
    """Refuse a rating file whose columns are in the order of the other layout.

    `good` holds user and item of its first good rows. Errors: InputError where the users look like
    product numbers and the items do not.
    """
    if name not in SWAPPED:
        return
    engine.drop("fields")
    engine.register("fields", good)
    shapes = engine.rows("14_id_shapes")[0]
    if shapes["asin_users"] > len(good) / 2 and not shapes["asin_items"]:
        other = next(other for other in SWAPPED if other != name)
        raise InputError(
            f"{file}: under {name} its users look like product numbers, so it seems to be {other}; "
            "name that, or read it with --format table --columns"
        )


def look_of_another(files: list[Path], member: str) -> str:
    """Say what files look like that begin as a page, an array or a spread-out object; else ''."""
    start = str(head_of(files, member)["text"][0]).strip()
    return look(start) if start[:1] in ("<", "[") or start == "{" else ""


def look(start: str) -> str:
    """Say what the first line looks like and what would work."""
    start = start.strip()
    if "\r" in start:
        return "its lines end with a carriage return alone: convert them (tr '\\r' '\\n')"
    if start.startswith("<"):
        return "it looks like an HTML page: get the dump itself"
    if start.startswith("["):
        return "it looks like a JSON array: write one object a line (jq -c '.[]')"
    if start == "{":
        return "it looks like pretty-printed JSON: write one object a line (jq -c .)"
    if start.startswith("{"):
        return "it is JSON with other fields: make a CSV of it and read that with --format table"
    return f"known formats: {', '.join(FORMATS)}"
