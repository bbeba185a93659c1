"""What a flow leaves in Prefect's UI: passport, metrics, and where the report is."""

from pathlib import Path
from typing import Any

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from flows.passports import passport_facts

Rows = list[dict[str, Any]]
COUNTED = ("users", "items", "interactions", "removed")


def artifact_key(kind: str, name: str) -> str:
    """Give a key in the letters that Prefect allows."""
    safe = "".join(char if char.isalnum() else "-" for char in name.lower())
    return f"{kind}-{safe}"


def show_passport(name: str, passport: dict[str, Any]) -> None:
    """Show the counts at each step as a table, and the rules in force as text."""
    rows = [
        {"step": step["step"], **{k: step.get(k, "") for k in COUNTED}}
        for step in passport["steps"]
    ]
    create_table_artifact(rows, key=artifact_key("passport", name), description="Counts by step")
    rules = "\n".join(f"| {key} | {value} |" for key, value in passport["protocol"].items())
    facts = "\n".join(f"| {key} | {value} |" for key, value in passport_facts(passport).items())
    text = (
        f"# {name}\n\n| fact | |\n|---|---|\n{facts}\n\n| rule | in force |\n|---|---|\n{rules}\n"
    )
    create_markdown_artifact(text, key=artifact_key("protocol", name))


def show_metrics(name: str, rows: Rows) -> None:
    """Show the metrics of all runs as a table."""
    create_table_artifact(rows, key=artifact_key("metrics", name), description="Test split")


def show_report(name: str, report: Path) -> None:
    """Link the report."""
    create_link_artifact(
        report.resolve().as_uri(), link_text="report.html", key=artifact_key("report", name)
    )
