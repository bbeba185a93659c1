"""Passports on the terminal: how the counts came about, and where two datasets differ."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from basrec.passport_page import (
    compare_folders,
    read_passport,
    told_if_damaged,
    write_comparison,
    write_passport,
)

console = Console(markup=False)  # what is shown comes from data
UNLIMITED = 10_000
"""Columns of what is no terminal: pipes, files, logs."""
COUNTED = ("users", "items", "interactions", "removed")


def for_tables() -> Console:
    """Give the terminal, or where there is none, a place so wide that no name is broken in two."""
    return console if console.is_terminal else Console(width=UNLIMITED, markup=False)


def show_passport(first: Path, second: Path | None, out: Path | None) -> None:
    """Show one passport, or compare two, and write the page."""
    if second is None:
        show_passport_table(first)
        page = write_passport(first, out)
    else:
        show_differences(first, second)
        page = write_comparison(first, second, out or Path("passports.html"))
    console.print(f"page: {page}", highlight=False, soft_wrap=True)


def show_passport_table(prepared: Path) -> None:
    """Show how the counts of a prepared folder came about."""
    passport = read_passport(prepared)
    table = Table(title=str(prepared), title_justify="left")
    for name in ("step", *COUNTED):
        table.add_column(name, justify="left" if name == "step" else "right")
    with told_if_damaged(prepared):
        for step in passport["steps"]:
            table.add_row(step["step"], *(count_text(step.get(name)) for name in COUNTED))
        facts = passport_facts(passport)
    console.print(table)
    for key, value in facts.items():
        console.print(f"{key}: {value}", highlight=False, soft_wrap=True)


def show_differences(first: Path, second: Path) -> None:
    """Show in which facts and rules two prepared folders differ."""
    rows = compare_folders(first, second)
    if not rows:
        console.print("the same: no rule and no fact differs")
        return
    table = Table(show_lines=True)
    for name in ("what differs", str(first), str(second)):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(row["key"], str(row["first"]), str(row["second"]))
    console.print(table)


def passport_facts(passport: dict[str, Any]) -> dict[str, str]:
    """Give the facts that people ask for first, as text."""
    rejected = ", ".join(f"{k} {v:,}" for k, v in passport["rejected_rows"].items()) or "none"
    ties, leakage = passport["ties"], passport["split"]["leakage"]
    older = leakage["share_of_targets_older_than_training"]
    departs = passport["protocol"]["departs"]
    own = ", ".join(f"{key}={value}" for key, value in departs.items())
    facts = {
        "format": format_text(passport["protocol"]["format"], passport["protocol"].get("table")),
        "policy": passport["protocol"]["policy"] + (f", but {own}" if own else ""),
        "rejected": rejected,
        "k-core rounds": str(len(passport["iterations"]) - 1),
        "repeats": f"{passport['repeats']['interactions']:,} interactions beyond the first; "
        f"{passport['repeats']['distinct_pairs']:,} distinct pairs of user and item",
        "ties": f"order of {ties['share_of_users']:.1%} of the users depends on the tie rule, "
        f"last two of {ties['share_of_users_last_two']:.1%}",
        "leakage": "no test targets"
        if older is None
        else f"{older:.1%} of the test targets are older than training interactions of others",
        "digest": passport["digest"],
    }
    if passport["truncated_files"]:
        facts["truncated"] = f"{passport['truncated_files']} files, only their good part is in"
    if passport["published"]:
        facts["published counts"] = _against(passport["published"])
    return facts


def format_text(name: str, table: dict[str, Any] | None) -> str:
    """Name a format and, for a table, what its columns were taken for."""
    told = ", ".join(f"{key}={value}" for key, value in (table or {}).items() if value is not None)
    return f"{name} ({told})" if told else name


def count_text(value: Any) -> str:
    """Write a count, and nothing where there is none."""
    return f"{value:,}" if value is not None else ""


def _against(published: dict[str, Any]) -> str:
    difference = published["difference"]
    if not any(difference.values()):
        return "exactly these"
    told = f"differs by {', '.join(f'{k} {v:+,}' for k, v in difference.items())}"
    if published["explained_by"]:
        changes = " or ".join(str(change) for change in published["explained_by"])
        return f"{told}; they come out with {changes}"
    return f"{told}; no single change of rule explains it ({len(published['tried'])} tried)"
