"""What is published, and what nothing refers to, as tables on the terminal."""

from pathlib import Path
from typing import Any

from rich.table import Table

from basrec.files import read_json
from flows.garbage import Garbage
from flows.passports import console, for_tables
from flows.versions import (
    CURRENT,
    REFUSAL,
    REFUSED,
    ROLLED_BACK,
    is_whole,
    read_publication,
    versions,
)
from pipeline.files import told_as_damaged

SHOWN = (("validation", "NDCG@10"), ("test", "NDCG@10"), ("test", "HR@10"))
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def show_versions(published: Path, name: str | None) -> None:
    """List the versions of one dataset or of all, those that were refused too."""
    found = sorted(published.iterdir()) if published.is_dir() else []
    folders = [path for path in found if path.is_dir() and name in (None, path.name)]
    if not folders:
        console.print("nothing is published here")
    for folder in folders:
        table = Table(title=str(folder), title_justify="left")
        for column in ("version", "state", "since", "run", *(" ".join(pair) for pair in SHOWN)):
            table.add_column(column, overflow="fold")
        for version in versions(folder):
            record = read_publication(version)
            table.add_row(version.name, _state(folder, version), *_cells(version, record))
        for version in versions(folder / REFUSED):
            record = read_publication(version, REFUSAL)
            table.add_row(version.name, REFUSED, *_cells(version, record))
        for_tables().print(table)


def _state(folder: Path, version: Path) -> str:
    """Say in a word or two what a version is."""
    link = folder / CURRENT
    is_current = link.is_symlink() and link.readlink().name == version.name
    words = [
        CURRENT if is_current else "",
        "rolled back" if (version / ROLLED_BACK).exists() and not is_current else "",
        "" if is_whole(version) else "damaged",
    ]
    return ", ".join(word for word in words if word)


def _cells(version: Path, record: dict[str, Any]) -> list[str]:
    path = version / "run" / "metrics.json"
    with told_as_damaged(path):
        metrics = read_json(path) if path.is_file() else {}
        values = [metrics.get(split, {}).get(metric) for split, metric in SHOWN]
        numbers = ["-" if value is None else f"{value:.4f}" for value in values]
    run = record.get("run")
    folder = run.get("folder", "-") if isinstance(run, dict) else "-"
    return [str(record.get("at", "-")), str(folder), *numbers]


def show_garbage(
    found: list[Garbage], data: Path, is_gone: bool, num_young: int, hours: float
) -> None:
    """Show what nothing refers to, and what is to be done about it."""
    if found:
        table = Table()
        table.add_column("below " + str(data), overflow="fold")
        table.add_column("size", justify="right", no_wrap=True)
        table.add_column("why", overflow="fold")
        for garbage in found:
            path = str(garbage.path.relative_to(data))
            table.add_row(path, size_text(garbage.size_bytes), garbage.why)
        for_tables().print(table)
    total = size_text(sum(garbage.size_bytes for garbage in found))
    done = "removed" if is_gone else "to be removed with --delete"
    text = f"{len(found)} things, {total}, {done}" if found else "nothing to remove"
    if num_young:
        text += f"; {num_young} more were written to in the last {hours:g} hours (--older-than)"
    console.print(text, highlight=False, soft_wrap=True)


def size_text(size: float) -> str:
    """Write a size in bytes with a unit that suits it."""
    for unit in UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {UNITS[-1]}"
