"""The published tables that an experiment's results can stand beside."""

from pathlib import Path

from basrec.errors import InputError as NotATable
from basrec.published import read_table
from pipeline.datasets import configs_folder
from pipeline.errors import InputError


def known_tables() -> list[str]:
    """Name the tables, as an experiment does."""
    return [path.stem for path in sorted(_folder().glob("*.csv")) if _is_table(path)]


def check_published(name: str | None) -> None:
    """Refuse a name that is no table's, as the report would after all training.

    Errors: InputError.
    """
    if name is not None and not _is_table(_folder() / f"{Path(name).stem}.csv"):
        raise InputError(
            f"published: {name!r} is no published table; known: {', '.join(known_tables())}"
        )


def _folder() -> Path:
    return configs_folder() / "published"


def _is_table(path: Path) -> bool:
    try:
        return bool(read_table(path))
    except NotATable:
        return False
