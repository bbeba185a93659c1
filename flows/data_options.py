"""Options of the command line that become keys of the data section."""

from collections.abc import Sequence
from typing import Any

from flows.config import merge, parse_overrides
from pipeline.errors import InputError

ROLES = ("user", "item", "rating", "time")


def data_values(options: dict[str, Any], overrides: Sequence[str] | None) -> dict[str, Any]:
    """Take the options that were given, with `--set KEY=VALUE` over them.

    A key may be written with or without `data.` before it.
    """
    given = {key: value for key, value in options.items() if value is not None}
    if "table" in given:  # nobody names columns for another format
        given.setdefault("format", "table")
        if given["format"] == "auto" and "user" not in given["table"]:
            raise InputError(
                "--format auto finds columns and units by itself; to say the unit, the delimiter "
                "or the quotes, name the columns too (--columns user=1,item=2,rating=3,time=4)"
            )
    changes = parse_overrides(overrides or [])
    inner = changes.pop("data", {})
    if not isinstance(inner, dict):
        raise InputError(f"--set data={inner!r}: data is a section; write data.KEY=VALUE")
    return merge(merge(given, changes), inner)


def table_values(
    columns: str | None,
    time_unit: str | None,
    time_format: str | None,
    delimiter: str | None,
    no_quotes: bool,
) -> dict[str, Any] | None:
    """Give the section `data.table`, none where no option asks for it.

    Errors: InputError where the columns are not told as role=column.
    """
    values: dict[str, Any] = {
        "time_unit": time_unit,
        "time_format": time_format,
        "delimiter": delimiter.replace("\\t", "\t") if delimiter else None,
        "quotes": False if no_quotes else None,
    }
    values = {key: value for key, value in values.items() if value is not None}
    for part in columns.split(",") if columns else []:
        role, sign, column = (text.strip() for text in part.partition("="))
        if not sign or role not in ROLES or not column:
            raise InputError(
                f"--columns {columns!r}: write role=column for {', '.join(ROLES)}, "
                "as in user=1,item=2,rating=3,time=4"
            )
        if role in values:
            raise InputError(f"--columns {columns!r}: {role} is there twice")
        values[role] = int(column) if column.isascii() and column.isdecimal() else column
    return values or None
