"""Tell by a command or a webhook how a run has ended; a hook that fails is a warning."""

import json
import os
import subprocess
from typing import Any

import httpx

from flows.progress import warn, warned
from flows.watch_config import NotifyConfig, is_web_address
from pipeline.errors import InputError

Facts = dict[str, Any]


def check_notify(config: NotifyConfig) -> None:
    """Refuse at the start an address that is not there.

    Errors: InputError that names the variable, never what it holds.
    """
    name = config.webhook_env
    if name and not is_web_address(os.environ.get(name, "")):
        raise InputError(
            f"notify.webhook_env: the environment variable {name} holds no http:// or https:// "
            "address; set it, or leave the key out"
        )


def notify(config: NotifyConfig, facts: Facts) -> None:
    """Run the command and post to the webhook, where the config names them."""
    address = os.environ.get(config.webhook_env) if config.webhook_env else config.webhook
    if config.command:
        with warned("notify.command"):
            _run(config.command, facts, config.timeout_seconds)
    if address:
        _post(address, facts, config.timeout_seconds)


def _run(command: list[str], facts: Facts, seconds: float) -> None:
    """Give the facts to a program on its stdin; its own output is not shown."""
    done = subprocess.run(
        command,
        input=json.dumps(facts) + "\n",
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=seconds,
        start_new_session=True,  # the Ctrl-C that is told of is not for it
    )
    if done.returncode:
        warn(f"notify.command: {command[0]} ended with code {done.returncode}")


def _post(address: str, facts: Facts, seconds: float) -> None:
    """Post the facts; a warning names the fault alone, for an address may be a secret."""
    try:
        answer = httpx.post(address, json=facts, timeout=seconds)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        warn(f"notify.webhook: nothing was told ({type(exc).__name__})")
        return
    if not answer.is_success:
        warn(f"notify.webhook: the server answers {answer.status_code}")
