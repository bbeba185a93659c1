"""One run of a flow, watched from its start to its end however it ends.

Flows within it join it, so that a rebuild is one run. What watches it cannot make it fail.
"""

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect.runtime import flow_run

from flows.config import RunConfig
from flows.errors import one_line, was_interrupted
from flows.json_lines import append_line
from flows.memory import forget_peak, peak_mib
from flows.nights import add_night
from flows.notify import check_notify, notify
from flows.progress import warned
from flows.tracking import check_tracking, track

Line = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")
LOG_BYTES = 10 << 20
"""A log that would grow beyond this becomes NAME.jsonl.1, in the place of an older one."""
_NIGHT: ContextVar["Night | None"] = ContextVar("night", default=None)


@dataclass
class Night:
    """What is known of a run while it goes on."""

    flow: str
    config: RunConfig
    data: Path
    run: str
    began: float = field(default_factory=time.monotonic)
    failed_stage: str | None = None

    @contextmanager
    def stage(self, name: str, about: Line) -> Iterator[Line]:
        """Log an attempt at a stage as one line; what the block puts into the mapping is in it."""
        told: Line = {}
        began = time.monotonic()
        forget_peak()
        try:
            yield told
        except BaseException as exc:
            self.failed_stage = name
            told |= {"outcome": _outcome(exc), "error": one_line(exc)}
            raise
        else:
            # A refusal is told by what the stage gives, and raised by the flow.
            self.failed_stage = name if told.get("outcome") == "failed" else None
        finally:
            line = {"time": _now(), "run": self.run, "flow": self.flow, "stage": name, **about}
            told.setdefault("outcome", "done")
            line |= {"seconds": round(time.monotonic() - began, 3)}
            line |= {"peak_memory_mib": round(peak_mib(), 1), **told}
            with warned("the log"):
                append_line(log_of(self.data, self.config.name), line, LOG_BYTES)

    def end(self, exc: BaseException | None) -> None:
        """Record the run where it is a rebuild, log it elsewhere, and tell whom it concerns."""
        outcome = "done" if exc is None else _outcome(exc)
        facts: Line = {
            "time": _now(),
            "name": self.config.name,
            "flow": self.flow,
            "run": self.run,
            "outcome": outcome,
            "seconds": round(time.monotonic() - self.began, 3),
        }
        if exc is not None:
            facts |= {"stage": self.failed_stage, "error": one_line(exc)}
        if self.flow == "rebuild":
            with warned("the history of nights"):
                add_night(self.config, self.data, facts)
        if exc is None and self.flow in ("rebuild", "train"):
            with warned("tracking.mlflow"):
                track(self.config, self.data)
        if outcome == "failed" or self.config.notify.on == "always":
            notify(self.config.notify, facts)


@contextmanager
def watched(flow: str, config: RunConfig, data: Path) -> Iterator[Night]:
    """Watch a run of a flow; within another flow's run it is that one.

    Errors: InputError where a hook or a tracker that the config asks for cannot be.
    """
    outer = _NIGHT.get()
    if outer is not None:
        yield outer
        return
    check_notify(config.notify)
    check_tracking(config.tracking)
    night = Night(flow, config, data, str(flow_run.get_id()))
    token = _NIGHT.set(night)
    try:
        yield night
    except BaseException as exc:
        night.end(exc)
        raise
    else:
        night.end(None)
    finally:
        _NIGHT.reset(token)


def watched_flow(function: Callable[P, R]) -> Callable[P, R]:
    """Let every run of a flow, a function of config and data folder, be watched."""
    signature = inspect.signature(function)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        name = function.__name__.removesuffix("_flow")
        with watched(name, given.arguments["config"], given.arguments["data"]):
            return function(*args, **kwargs)

    return run


def current_night() -> Night | None:
    """Give the run that is going on."""
    return _NIGHT.get()


def log_of(data: Path, name: str) -> Path:
    """Give the log of a dataset name's stages."""
    return data / "logs" / f"{name}.jsonl"


def _outcome(exc: BaseException) -> str:
    """Tell a failure from a run that was asked to end (Ctrl-C, SIGTERM, Prefect's cancel)."""
    is_failure = isinstance(exc, (Exception, SystemExit)) and not was_interrupted(exc)
    return "failed" if is_failure else "cancelled"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
