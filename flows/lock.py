"""Locks: one process at a time works on a thing, and the others are told who does.

A lock is a file held by flock, so that the end of its owner, however it comes, sets it free. What
the file says of the owner is for people; whether it is held is asked of the system.
"""

import fcntl
import json
import math
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TypeVar

from basrec.errors import MachineError
from basrec.files import machine_errors
from flows.config import RunConfig
from flows.progress import errors

POLL_SECONDS = 0.1
LEAST_SECONDS = 0.3
"""So long is tried at least: who only looks at a lock holds it for an instant."""
FOREVER = math.inf
LATER = "try again later"
WAIT_KEY = f"{LATER}, or wait for it with --set lock.wait_seconds=SECONDS"
WAIT_OPTION = f"{LATER}, or wait for it with --wait SECONDS"
OF_DATASETS = ("ingested", "prepared")
"""Folders of a data folder in which each dataset has one of its name."""
Result = TypeVar("Result")
_mine: ContextVar[frozenset[Path]] = ContextVar("locks of datasets held here", default=frozenset())


class Held(MachineError):
    """Another process works on it: who, where and since when."""


@contextmanager
def alone(path: Path, what: str, wait_seconds: float = 0.0, advice: str = LATER) -> Iterator[None]:
    """Hold the lock file at `path`, which stands for `what`, while the block runs.

    Errors: Held after `wait_seconds`; OSError where the file cannot be made.
    """
    file = _take(path, fcntl.LOCK_EX, what, wait_seconds, advice)
    try:
        os.write(file, json.dumps(_owner()).encode())
        yield
    finally:
        path.unlink(missing_ok=True)  # still held: who waits for it will look again
        os.close(file)


@contextmanager
def among_others(path: Path, what: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold a lock together with others that hold it so; `alone` and this keep each other out."""
    file = _take(path, fcntl.LOCK_SH, what, wait_seconds, LATER)
    try:
        yield
    finally:
        os.close(file)


@contextmanager
def using(data: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """Keep 'basrec gc' out of a data folder while the block works in it."""
    with among_others(folder_lock(data), f"{data}", wait_seconds):
        yield


@contextmanager
def working_on(
    name: str, data: Path, wait_seconds: float = 0.0, advice: str = WAIT_KEY
) -> Iterator[None]:
    """Hold a dataset's name in a data folder; a flow within one that holds it goes on.

    Errors: Held.
    """
    path = locks_folder(data).resolve() / f"{name}.lock"
    if path in _mine.get():
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(using(data, wait_seconds))
        stack.enter_context(alone(path, f"dataset {name}", wait_seconds, advice))
        token = _mine.set(_mine.get() | {path})
        try:
            yield
        finally:
            _mine.reset(token)


@contextmanager
def making(out: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold what the folder of a single command stands for.

    DATA/prepared/NAME and DATA/ingested/NAME are the dataset NAME, which flows hold too; any other
    folder is held by itself.
    Errors: Held; InputError or MachineError where the lock cannot be made.
    """
    place = out.absolute()
    if place.parent.name in OF_DATASETS:
        held = working_on(place.name, place.parent.parent, wait_seconds, WAIT_OPTION)
    else:
        held = alone(lock_beside(out), str(out), wait_seconds, WAIT_OPTION)
    with ExitStack() as stack:
        with machine_errors(f"{out}: cannot be written"):
            stack.enter_context(held)
        yield


def alone_on_dataset(work: Callable[..., Result]) -> Callable[..., Result]:
    """Let a flow hold the lock of its dataset."""

    @wraps(work)
    def held(config: RunConfig, data: Path = Path("data")) -> Result:
        with working_on(config.name, data, config.lock.wait_seconds):
            return work(config, data)

    return held


def locks_folder(data: Path) -> Path:
    """Give the folder of the locks of a data folder's datasets."""
    return data / "locks"


def folder_lock(data: Path) -> Path:
    """Give the lock that all who work in a data folder hold together."""
    return locks_folder(data) / ".folder"


def lock_beside(out: Path) -> Path:
    """Give the lock of a folder that a single command makes."""
    return out.with_name(f"{out.name}.lock")


def holder(path: Path) -> str | None:
    """Say who holds a lock; None where nobody does."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _told_owner(path)
    except FileNotFoundError:
        return None
    return None


def _take(path: Path, kind: int, what: str, wait_seconds: float, advice: str) -> int:
    """Open the lock file and lock it; give it empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + max(wait_seconds, LEAST_SECONDS)
    is_told = False
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if _is_locked(file, path, kind) and _is_at(file, path):
            os.ftruncate(file, 0)
            return file
        os.close(file)
        if time.monotonic() >= deadline:
            raise Held(f"{what}: {_told_owner(path)} is at it; {advice}")
        if wait_seconds > LEAST_SECONDS and not is_told:
            limit = "" if wait_seconds == FOREVER else f" for at most {wait_seconds:g} s"
            errors.print(
                f"{what}: waiting{limit}; {_told_owner(path)} is at it",
                highlight=False,
                soft_wrap=True,
            )
            is_told = True
        time.sleep(POLL_SECONDS)


def _is_locked(file: int, path: Path, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as exc:
        os.close(file)
        raise MachineError(
            f"{path}: cannot be locked ({exc.strerror}); keep the data on a disk that knows flock"
        ) from exc
    return True


def _is_at(file: int, path: Path) -> bool:
    """Tell whether the file that was locked is the one that others will find."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _owner() -> dict[str, str | int]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    words = [Path(sys.argv[0]).name, *sys.argv[1:]]
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": shlex.join(words),
        "since": since,
    }


def _told_owner(path: Path) -> str:
    """Say in a few words who holds a lock, and for how long."""
    try:
        owner = json.loads(path.read_text())
        since = datetime.fromisoformat(owner["since"])
        minutes = max((datetime.now(UTC) - since).total_seconds(), 0.0) / 60  # clocks go back
        return (
            f"process {owner['pid']} on {owner['host']} ({owner['command']}, since "
            f"{since:%Y-%m-%d %H:%M:%S} UTC, {minutes:.0f} min)"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
