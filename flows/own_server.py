"""Prefect's server for one command that has no other: `python -m flows.own_server SOCKET`.

Prefect would start one by itself, which outlives a kill of the command and holds its stderr open,
and which Ctrl-C ends together with the command, so that Prefect then waits for it. This one ends
when the command does, and not before.
"""

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import httpx

from basrec.errors import MachineError
from flows.errors import NO_SERVER
from flows.supervised import end_with_parent

END_SECONDS = 5.0


def start_server() -> Callable[[], None]:
    """Start a server, unless Prefect knows of one, and let Prefect use it; to be called once.

    The function that is given waits until it answers.
    Errors: MachineError, by that function, where it does not.
    """
    from prefect import context
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url:
        return lambda: None
    with socket.create_server(("127.0.0.1", 0)) as listening:  # so the port is its own at once
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        child = _start(listening)
    atexit.register(_end, child)  # before Prefect asks for its last words to be sent: after them
    os.environ["PREFECT_API_URL"] = address
    context.GLOBAL_SETTINGS_CONTEXT = context.root_settings_context()
    return lambda: _wait(address, settings.server.ephemeral.startup_timeout_seconds)


def main() -> None:
    """Serve on the socket that was handed over, until stdin closes."""
    import uvicorn
    from prefect.server.api.server import create_app

    end_with_parent(END_SECONDS)
    listening = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(create_app(ephemeral=True, final=True), log_level="error")
    uvicorn.Server(config).run(sockets=[listening])


def _start(listening: socket.socket) -> subprocess.Popen[bytes]:
    is_quiet = os.environ.get("BASREC_DEBUG") != "1"
    return subprocess.Popen(
        [sys.executable, "-m", "flows.own_server", str(listening.fileno())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if is_quiet else None,
        pass_fds=[listening.fileno()],
        start_new_session=True,  # Ctrl-C is for the command, which has to tell how it ended
    )


def _wait(address: str, seconds: float) -> None:
    try:
        httpx.get(f"{address}/health", timeout=seconds, trust_env=False).raise_for_status()
    except httpx.HTTPError as exc:
        raise MachineError(NO_SERVER) from exc


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    child.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        child.wait(END_SECONDS)


if __name__ == "__main__":
    main()
