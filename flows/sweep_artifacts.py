"""What a sweep leaves in Prefect's UI while it goes: how far it is, and the results so far."""

import time
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.artifacts import artifact_key

Row = dict[str, Any]
EVERY_SECONDS = 10.0
SHOWN = ("dataset", "backbone", "variant", "seed", "status", "message")


class SweepArtifacts:
    """A progress and a table artifact of one sweep."""

    def __init__(self, name: str, metrics: list[str]) -> None:
        self._table_key = artifact_key("sweep", name)
        self._columns = (*SHOWN, *metrics)
        key = artifact_key("sweep-progress", name)
        progress: Any = create_progress_artifact(0.0, key=key, description=f"Sweep {name}")
        self._progress: UUID = progress
        self._shown_at = time.monotonic()

    def show(self, share_done: float, rows: list[Row], is_last: bool = False) -> None:
        """Show the state anew, the table not more often than every few seconds."""
        update_progress_artifact(self._progress, round(share_done * 100, 1))
        if not is_last and time.monotonic() - self._shown_at < EVERY_SECONDS:
            return
        self._shown_at = time.monotonic()
        table = [
            {name: row.get(name) for name in self._columns}
            for row in rows
            if row["split"] == "test"
        ]
        create_table_artifact(table, key=self._table_key, description="Test split")
