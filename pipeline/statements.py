"""Find the SQL statements, in a checkout and in an installed wheel."""

from functools import cache
from pathlib import Path


@cache
def sql_folder() -> Path:
    """Give the folder of the statements."""
    packaged = Path(__file__).parent / "sql"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "sql"


@cache
def statement(name: str) -> str:
    """Give the text of one statement, named as its file without the ending."""
    return (sql_folder() / f"{name}.sql").read_text(encoding="utf-8")
