"""Which faults are tried again."""

import errno

import httpx
import pytest

import basrec.errors
import pipeline.errors
from flows.faults import is_passing, task_options
from flows.watch_config import RetryConfig


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    "exc",
    [
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ESTALE, "Stale file handle"),
        TimeoutError(),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        httpx.ConnectError("no route"),
        caused(pipeline.errors.MachineError("x"), OSError(errno.EAGAIN, "again")),
        caused(pipeline.errors.MachineError("url: 5 times"), httpx.ReadTimeout("")),
        pipeline.errors.MachineError("data: disk trouble (read failed: Input/output error)"),
    ],
    ids=repr,
)
def test_what_passes_by_itself_is_tried_again(exc: Exception) -> None:
    assert is_passing(exc)


@pytest.mark.parametrize(
    "exc",
    [
        caused(pipeline.errors.InputError("x"), OSError(errno.EIO, "Input/output error")),
        caused(basrec.errors.InputError("x"), OSError(errno.ESTALE, "stale")),
        OSError(errno.ENOSPC, "No space left on device"),
        basrec.errors.MachineError("out of memory"),
        ValueError("Input/output error"),
        KeyboardInterrupt(),
        None,
    ],
    ids=repr,
)
def test_what_stays_wrong_is_not(exc: BaseException | None) -> None:
    assert not is_passing(exc)


def test_waits_double() -> None:
    options = task_options(RetryConfig(attempts=4, wait_seconds=2, timeout_seconds=9))
    assert options["retries"] == 3 and options["timeout_seconds"] == 9
    assert options["retry_delay_seconds"](3) == [2, 4, 8]
