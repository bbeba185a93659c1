"""Errors to exit codes: 0 done, 1 the machine failed, 2 the call, config or data were wrong."""

import errno
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer

import basrec.errors
import pipeline.errors
from basrec.files import NOT_WRITABLE
from flows.progress import errors

WRONG_INPUT = (basrec.errors.InputError, pipeline.errors.InputError)
UsageError: Any = typer.BadParameter.__mro__[1]
"""What is raised for a wrong call; typer shows it to the world only by this subclass."""
GO_ON = ("sweep", "search")
"""Commands that go on by themselves where they were."""
NO_NAME = (errno.ENAMETOOLONG, errno.ELOOP)
"""What the system says of a path that nothing can have."""
GRACE_SECONDS = 10.0
NO_SERVER = (
    "Prefect's own server does not start; if its database is damaged, remove prefect.db "
    "from PREFECT_HOME (~/.prefect): it holds what was run, no data"
)
MACHINE = (basrec.errors.BasrecError, pipeline.errors.PipelineError)


class Terminated(KeyboardInterrupt):
    """The process was asked to end; what is half-done is cleared away as after an interrupt."""


def interrupted() -> str:
    """Say that the command was interrupted, and what to do."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    if command in GO_ON:
        return "interrupted; run it again, it goes on"
    return "interrupted; run again (a training goes on with --resume)"


def end_on_sigterm(grace_seconds: float = GRACE_SECONDS) -> None:
    """Let SIGTERM end the process the way an interrupt does, and both end it for certain.

    Prefect puts handlers of its own in place, and may then wait for its server, which the same
    signal has ended: so the process leaves by itself after the grace. Folders appear whole or not
    at all, whenever that is.
    """

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)  # whoever handles the signal
    threading.Thread(target=_leave_after, args=(told, grace_seconds), daemon=True).start()


def _leave_after(told: int, grace_seconds: float) -> None:
    """Wait for a signal that asks for the end, and leave so much later."""
    while os.read(told, 1)[0] not in (signal.SIGTERM, signal.SIGINT):
        pass
    time.sleep(grace_seconds)
    print(f"error: {interrupted()}", file=sys.stderr, flush=True)
    os._exit(130)


def _of_prefect(exc: BaseException) -> str | None:
    """Say what became of Prefect's server, where that is what went wrong."""
    kinds = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(exc).__mro__}
    if "httpx.HTTPError" in kinds:  # told by its name, since httpx takes long to import
        return (
            f"Prefect's server fails ({' '.join(str(exc).split())}); see that it runs and that "
            "PREFECT_API_URL is its address, then run again: what is done stays done"
        )
    if "ephemeral Prefect API server" in str(exc):
        return NO_SERVER
    return None


def exit_code(exc: BaseException) -> int | None:
    """Give the exit code of an error that was foreseen, or None."""
    if isinstance(exc, (*WRONG_INPUT, UsageError, RecursionError)):
        return 2
    if isinstance(exc, (*MACHINE, MemoryError)) or _of_prefect(exc):
        return 1
    if isinstance(exc, OSError) and exc.errno in (*NOT_WRITABLE, *NO_NAME):
        return 2
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
        return 1
    return None


def was_interrupted(exc: BaseException | None) -> bool:
    """Tell an interrupt, also one that a library has turned into an error of its own."""
    while exc is not None:
        # Typer turns an interrupt into a silent exit with 130; DuckDB tells it in its messages.
        if isinstance(exc, KeyboardInterrupt) or (isinstance(exc, SystemExit) and exc.code == 130):
            return True
        if "KeyboardInterrupt" in str(exc) or "Query interrupted" in str(exc):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def one_line(exc: Any) -> str:
    """Give an error's message as one line."""
    if isinstance(exc, UsageError):
        command = exc.ctx.command_path if exc.ctx else "basrec"
        told = " ".join(exc.format_message().split())
        return f"{told} (see '{command} --help')" if told else ""  # then the help was shown
    if isinstance(exc, SystemExit):
        return f"the process left with exit code {exc.code}"
    if isinstance(exc, RecursionError):
        return "a file that was to be read is nested too deeply; is it what its name says?"
    if isinstance(exc, OSError) and exc.filename:
        return f"{exc.filename}: {exc.strerror}; choose another place or mend it"
    if isinstance(exc, OSError) and exc.strerror:
        return f"{exc.strerror}; free space or mend it, then run again"
    return _of_prefect(exc) or " ".join(str(exc).split()) or type(exc).__name__


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn a foreseen error into one line on stderr and its exit code; to be a program's last act.

    With BASREC_DEBUG=1 (or --debug) the traceback is shown instead.
    """
    try:
        yield
    except BaseException as exc:
        code = 130 if was_interrupted(exc) else exit_code(exc)
        if os.environ.get("BASREC_DEBUG") == "1" or code is None:
            raise
        text = interrupted() if code == 130 else one_line(exc)
        if text:
            print(f"error: {text}", file=sys.stderr)
        errors.file.flush()
        raise SystemExit(code) from None
    finally:
        gc.freeze()  # or Python looks through all that was imported once more: a second
