"""Errors to exit codes: 0 done, 1 the machine failed, 2 the call, config or data were wrong."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import basrec.errors
import pipeline.errors
from basrec.files import NOT_WRITABLE
from flows.progress import errors

WRONG_INPUT = (basrec.errors.InputError, pipeline.errors.InputError)
INTERRUPTED = "interrupted; run again to go on ('basrec train' with --resume)"
MACHINE = (basrec.errors.BasrecError, pipeline.errors.PipelineError)


def exit_code(exc: BaseException) -> int | None:
    """Give the exit code of an error that was foreseen, or None."""
    if isinstance(exc, WRONG_INPUT):
        return 2
    if isinstance(exc, (*MACHINE, MemoryError)):
        return 1
    if isinstance(exc, OSError) and exc.errno in NOT_WRITABLE:
        return 2
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
        return 1
    # Typer turns an interrupt into a silent exit with 130.
    interrupted = isinstance(exc, SystemExit) and exc.code == 130
    return 130 if interrupted or isinstance(exc, KeyboardInterrupt) else None


def one_line(exc: BaseException) -> str:
    """Give an error's message as one line."""
    if isinstance(exc, OSError) and exc.filename:
        return f"{exc.filename}: {exc.strerror}; choose another place or mend it"
    if isinstance(exc, OSError) and exc.strerror:
        return f"{exc.strerror}; free space or mend it, then run again"
    return " ".join(str(exc).split()) or type(exc).__name__


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn a foreseen error into one line on stderr and its exit code.

    With BASREC_DEBUG=1 (or --debug) the traceback is shown instead.
    """
    try:
        yield
    except BaseException as exc:
        code = exit_code(exc)
        if os.environ.get("BASREC_DEBUG") == "1" or code is None:
            raise
        text = INTERRUPTED if code == 130 else one_line(exc)
        print(f"error: {text}", file=sys.stderr)
        errors.file.flush()
        raise SystemExit(code) from None
