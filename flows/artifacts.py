"""What a flow leaves in Prefect's UI: passport, training, metrics, and where the report is."""

import time
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.passports import passport_facts

Rows = list[dict[str, Any]]
COUNTED = ("users", "items", "interactions", "removed")
EVERY_SECONDS = 5.0


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


class TrainingProgress:
    """How far the present stage of a training is, as an artifact from its first epoch on."""

    def __init__(self, name: str) -> None:
        self._key, self._name = artifact_key("progress", name), name
        self._artifact: UUID | None = None
        self._shown_at = -EVERY_SECONDS

    def epoch(self, line: dict[str, Any]) -> None:
        """Show an epoch, not more often than every few seconds."""
        now = time.monotonic()
        if now - self._shown_at < EVERY_SECONDS:
            return
        self._shown_at = now
        share = round(100 * line["epoch"] / line["epochs"], 1)
        told = f"{self._name}: stage {line['stage']}, epoch {line['epoch']} of {line['epochs']}"
        if self._artifact is None:
            made: Any = create_progress_artifact(share, key=self._key, description=told)
            self._artifact = made
        else:
            update_progress_artifact(self._artifact, share, description=told)

    def done(self) -> None:
        """Show the end, which early stopping may bring before the last epoch."""
        if self._artifact is not None:
            update_progress_artifact(self._artifact, 100.0, description=f"{self._name}: done")


def show_curve(name: str, epochs: Rows) -> None:
    """Show the epochs of a finished training as a table: loss and validation."""
    rows = [
        {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
        for row in epochs
    ]
    create_table_artifact(rows, key=artifact_key("curve", name), description="Learning curve")


def show_metrics(name: str, rows: Rows) -> None:
    """Show the metrics of all runs as a table."""
    create_table_artifact(rows, key=artifact_key("metrics", name), description="Test split")


def show_report(name: str, report: Path) -> None:
    """Link the report."""
    create_link_artifact(
        report.resolve().as_uri(), link_text="report.html", key=artifact_key("report", name)
    )
