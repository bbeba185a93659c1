"""A small dump prepared, and what came of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.config import DataConfig
from pipeline.interactions import ingest
from pipeline.preparation import prepare
from pipeline.text import write_text

Write = Callable[..., Path]
RAW_DAY = 1_300_000_000


def prepared(raw: Path, out: Path, **options: Any) -> Path:
    config = DataConfig(**{"min_count": 1, "max_rejects": 0.9} | options)
    ingest([raw], out / "in", config)
    prepare(out / "in", out / "prepared", config)
    return out / "prepared"


def text_of(folder: Path) -> list[str]:
    write_text(folder, folder.parent / "text")
    return (folder.parent / "text").read_text().splitlines()


def passport(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "passport.json").read_text())
    return values
