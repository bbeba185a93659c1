"""Write files whole or not at all, and say plainly when the machine cannot."""

import errno
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from basrec.errors import InputError, MachineError

OUT_OF_MEMORY = re.compile("can't allocate memory|out of memory")
"""How PyTorch says that the host or the device has no memory left."""
UNFINISHED = re.compile(r".+\.tmp(-[0-9a-f]{8})?")
"""How a file is named that is being written; a kill may leave one."""
MOST_NESTED = 20
"""So deep may YAML of ours be; we write four levels."""
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML was built with it: ten times as fast."""


def digest_file(path: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_value(value: Any) -> str:
    """Give the SHA-256 of a JSON value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_whole(path: Path, write: Callable[[Path], object], before: Path | None = None) -> None:
    """Let `write` fill a file beside `path`, flush it to the disk, then put it in place.

    With `before`, what was in place is kept there; a kill may leave it there alone. Each writer has
    a name of its own beside `path`, so that of two at once the last to end wins, whole.
    """
    # Behind the last dot, since torch.save writes the name before it into the file.
    beside = path.with_name(f"{path.name}.tmp-{secrets.token_hex(4)}")
    try:
        write(beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        if before and path.exists():
            path.replace(before)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole."""
    write_whole(path, lambda beside: beside.write_text(json.dumps(value, indent=2) + "\n"))


def read_json(path: Path) -> Any:
    """Read a JSON file of a run folder.

    Errors: InputError where it is missing or damaged.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); is the folder whole?") from exc


def read_yaml(path: Path) -> Any:
    """Read a YAML file of a folder of ours.

    Errors: OSError or ValueError where it is missing or damaged, or is not what we write: aliases
    let a few lines come to billions of values, and depth overflows the reader's stack.
    """
    text = path.read_text()
    try:
        _check_yaml(text)
        return yaml.load(text, _LOADER)
    except (yaml.YAMLError, LookupError, TypeError, AttributeError, RecursionError) as exc:
        raise ValueError(str(exc) or type(exc).__name__) from exc


def _check_yaml(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases are not read")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_NESTED:
            raise ValueError(f"nested more than {MOST_NESTED} deep")


@contextmanager
def machine_errors(doing: str) -> Iterator[None]:
    """Turn a disk's or a device's failure into a MachineError that says what was being done."""
    try:
        yield
    except OSError as exc:
        if exc.errno in NOT_WRITABLE:
            raise InputError(f"{doing}: {exc.strerror}; choose another folder") from exc
        raise MachineError(f"{doing}: {exc.strerror or exc}; free space or mend it") from exc
    except (MemoryError, RuntimeError) as exc:
        if isinstance(exc, RuntimeError) and not OUT_OF_MEMORY.search(str(exc)):
            raise
        raise MachineError(
            "out of memory; lower train.batch_size, train.negative_count or the model's sizes"
        ) from exc
