"""Files of JSON lines that grow by a line at a time and survive a kill between two."""

import json
import os
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def append_line(path: Path, line: Line, most_bytes: int | None = None) -> None:
    """Add a line by one write; a file that would grow beyond `most_bytes` first becomes `NAME.1`.

    Errors: OSError where the disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (json.dumps(line, ensure_ascii=False) + "\n").encode()
    size = path.stat().st_size if path.exists() else 0
    if most_bytes is not None and size and size + len(text) > most_bytes:
        path.replace(path.with_name(path.name + ".1"))
        size = 0
    if size and _breaks_off(path):
        text = b"\n" + text
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, text)
    finally:
        os.close(file)


def read_lines(path: Path) -> list[Line]:
    """Read the lines; what is no JSON object, such as the half line of a full disk, is left out."""
    if not path.is_file():
        return []
    found = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found


def _breaks_off(path: Path) -> bool:
    """Tell a file whose last line has no end."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
