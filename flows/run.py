"""Run a flow with Prefect's noise kept down, and show what came of it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from basrec.config import TrainConfig
from flows.config import RunConfig, resolve
from pipeline.errors import InputError

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # What people need to know the stages say themselves; Prefect's log keeps it all.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_CLIENT_METRICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}


def quieten_prefect() -> None:
    """Keep Prefect's noise down; to be called before it is imported."""
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)


def run_flow(name: str, config: RunConfig, data: Path) -> None:
    """Run one of the flows and print its result.

    A rebuild of which nothing is new needs no Prefect, unless a server is to see it.
    """
    from flows.unchanged import skip_unchanged

    if name == "rebuild" and not os.environ.get("PREFECT_API_URL") and skip_unchanged(config, data):
        return
    quieten_prefect()
    from flows.own_server import start_server

    wait_for_server = start_server()  # while that which follows is imported
    from flows.passports import show_passport_table
    from flows.publishing import Refused
    from flows.rebuild import FLOWS
    from flows.show import show_result

    if name not in FLOWS:
        raise InputError(f"--flow {name!r} is not known; known: {', '.join(FLOWS)}")
    check_methods(config)
    wait_for_server()
    refused: Refused | None = None
    try:
        FLOWS[name](config, data)
    except Refused as exc:  # after all else is done
        refused = exc
    if name in ("rebuild", "evaluate", "train"):
        show_result(config, data, with_report=name != "train")
    elif name != "publish":
        from flows.folders import Folders

        show_passport_table(Folders(data, config.name).prepared)
    if refused:
        raise refused


def check_methods(config: RunConfig) -> None:
    """Refuse, before any work starts, a method that cannot work on this machine."""
    from basrec.job import check_config

    for method in config.methods:
        check_config(config.for_method(method))


def training_config(
    dataset: str | None, backbone: str | None, options: dict[str, Any], overrides: Sequence[str]
) -> TrainConfig:
    """Resolve the training sections for `basrec train`."""
    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    given = [text for text in given if not text.startswith("method=")]
    if backbone is not None:
        given.append(f"model.backbone={backbone}")
    method = "basrec" if options.get("method") is None else str(options["method"])
    given += [f"methods=[{method}]"]
    if dataset is None:
        given.append("name=run")
    config = resolve(None, dataset, [*given, *overrides])
    return config.for_method(method)
