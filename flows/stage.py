"""A stage as a Prefect task: tried again after a passing fault, timed, and logged."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.task_engine import TaskRunTimeoutError

from flows.config import RunConfig
from flows.errors import one_line
from flows.faults import task_options
from flows.night import current_night
from pipeline.errors import MachineError

Stage = Callable[..., Any]


def stage(name: str) -> Callable[[Stage], Stage]:
    """Make a task of a function whose first argument is the config.

    Reuse is decided by the manifests on disk, not by Prefect's cache.
    """

    def make(function: Stage) -> Stage:
        made = task(name=name, cache_policy=NO_CACHE, persist_result=False)(_logged(name, function))

        @wraps(function)
        def run(config: RunConfig, *args: Any, **kwargs: Any) -> Any:
            try:
                return made.with_options(**task_options(config.retry))(config, *args, **kwargs)
            except TaskRunTimeoutError as exc:
                raise MachineError(
                    f"{name}: took longer than retry.timeout_seconds, "
                    f"{config.retry.timeout_seconds:g} s; raise it, or see what holds it up"
                ) from exc

        return run

    return make


def _logged(name: str, function: Stage) -> Stage:
    """Let a stage leave its line in the log of the run that it belongs to."""
    signature = inspect.signature(function)

    @wraps(function)
    def logged(*args: Any, **kwargs: Any) -> Any:
        night = current_night()
        if night is None:
            return function(*args, **kwargs)
        given = signature.bind(*args, **kwargs).arguments
        about = {"method": given["method"]} if "method" in given else {}
        with night.stage(name, about) as line:
            result = function(*args, **kwargs)
            line |= _facts(getattr(result, "data", result))
        return result

    return logged


def _facts(record: Any) -> dict[str, Any]:
    """Give what a stage's record says of its rows and whether anything was to be done."""
    if isinstance(record, Exception):  # of a failed state
        return {"outcome": "failed", "error": one_line(record)}
    told = record if isinstance(record, dict) else {}
    reused = bool(told.get("reused", False))
    line = {"outcome": "reused" if reused else "done", "reused": reused}
    return line | ({"rows": told["rows"]} if "rows" in told else {})
