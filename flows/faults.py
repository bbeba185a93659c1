"""Which faults pass by themselves, and how Prefect is to try again."""

import errno
import os
from typing import Any

import httpx

import basrec.errors
import pipeline.errors
from flows.watch_config import RetryConfig

PASSING = (
    *(errno.EAGAIN, errno.EIO, errno.ESTALE, errno.EBUSY, errno.ETIMEDOUT, errno.EREMOTEIO),
    *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETRESET),
    *(errno.ECONNRESET, errno.ECONNABORTED, errno.ECONNREFUSED, errno.EPIPE, errno.ENOTCONN),
)
"""Errors of disks and networks that are often over a little later; a full disk is not."""
WRONG_INPUT = (basrec.errors.InputError, pipeline.errors.InputError)
MACHINE = (basrec.errors.MachineError, pipeline.errors.MachineError)


def is_passing(exc: BaseException | None) -> bool:
    """Tell a fault after which another attempt may go well; wrong input never is one."""
    while exc is not None:
        if isinstance(exc, WRONG_INPUT):
            return False
        if isinstance(exc, (httpx.TransportError, TimeoutError)):
            return True
        if isinstance(exc, OSError) and exc.errno in PASSING:
            return True
        # DuckDB and PyTorch tell the system's errors only in their messages.
        if isinstance(exc, MACHINE) and any(os.strerror(code) in str(exc) for code in PASSING):
            return True
        exc = exc.__cause__
    return False


def task_options(retry: RetryConfig) -> dict[str, Any]:
    """Give the options of a Prefect task: its retries, their waits, and its timeout."""
    from prefect.tasks import exponential_backoff

    return {
        "retries": retry.attempts - 1,
        "retry_delay_seconds": exponential_backoff(retry.wait_seconds),
        "retry_jitter_factor": 1.0,
        "retry_condition_fn": _is_worth_another,
        "timeout_seconds": retry.timeout_seconds,
    }


def _is_worth_another(_task: Any, _run: Any, state: Any) -> bool:
    """Look at the error that a failed state carries."""
    return is_passing(state.data if isinstance(state.data, BaseException) else None)
