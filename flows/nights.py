"""The history over nights: a line for each rebuild, with what came of it."""

from pathlib import Path
from typing import Any

from flows.config import RunConfig
from flows.folders import Folders
from flows.json_lines import append_line, read_lines
from pipeline.files import read_json

Line = dict[str, Any]
COUNTS = ("users", "items", "interactions")


def nights_of(data: Path, name: str) -> Path:
    """Give the file of the history."""
    return data / "nights" / f"{name}.jsonl"


def read_nights(data: Path, name: str) -> list[Line]:
    """Read the history, oldest first."""
    return read_lines(nights_of(data, name))


def add_night(config: RunConfig, data: Path, facts: Line) -> None:
    """Add a rebuild to the history; one that went well with its counts and metrics."""
    found = standing(config, data) if facts["outcome"] == "done" else {}
    append_line(nights_of(data, config.name), facts | found)


def standing(config: RunConfig, data: Path) -> Line:
    """Give the counts and test metrics of what lies in the folders now."""
    from basrec.evaluation import read_metrics

    folders = Folders(data, config.name)
    passport = read_json(folders.prepared / "passport.json")
    return {
        "digest": passport["digest"],
        "raw_rows": passport["raw_rows"],
        "rejected": sum(passport["rejected_rows"].values()),
        **{name: passport["core"][name] for name in COUNTS},
        "metrics": {
            method: read_metrics(folders.run(config, method)).get("test", {})
            for method in config.methods
        },
    }
