"""`basrec serve`: a Prefect server and a worker on loopback, with everything deployed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from flows.errors import end_on_sigterm
from flows.left_runs import mark_as_crashed
from flows.lock import Held, alone
from flows.programs import END_SECONDS, Ended, Program, program, wait_until, watch
from flows.progress import errors
from flows.run import quieten_prefect
from pipeline.datasets import configs_folder
from pipeline.errors import InputError, MachineError

HOST = "127.0.0.1"
POOL = "basrec"
WORKER = "the worker"
MOST_ENDS = 3
"""A worker that is killed more often within an hour is not started again."""
Deployments = list[dict[str, Any]]


def serve(data: Path, port: int, jobs: int, redeploy: bool) -> None:
    """Serve until SIGTERM or an interrupt; then end the runs under way, the worker and the server.

    Deployments that the server knows from before stay as they are, unless `redeploy`.
    Errors: InputError where port or folder are taken; MachineError where server or worker fail.
    """
    home = (data / "prefect").resolve()
    if shutil.which("ps") is None:
        raise InputError("ps, which tells what runs, is missing; install it (Debian: procps)")
    _check_port(port)
    with _held(home), (home / "server.log").open("w") as log:
        api = f"http://{HOST}:{port}/api"
        _set_environment(home, api)
        end_on_sigterm(3 * END_SECONDS)  # as long as ending both may take
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
        listens = ("--host", HOST, "--port", str(port))
        with program("server", *listens, output=log) as server:
            name = f"the server (see {log.name})"
            wait_until(lambda: _answers(f"{api}/health"), name, server)

            def at_work() -> None:
                _deploy(api, data, home, redeploy)
                errors.print(f"serving on http://{HOST}:{port}, end with Ctrl-C", highlight=False)

            _keep_worker(api, jobs, {name: server}, at_work)


def _keep_worker(
    api: str, jobs: int, others: dict[str, Program], at_work: Callable[[], None]
) -> None:
    """Keep a worker at work until an interrupt: one that is killed is followed by another.

    Errors: Ended where it dies again and again, or one of the others does.
    """
    takes = ("--pool", POOL, "--type", "process", "--limit", str(jobs))
    ends: list[float] = []
    while True:
        _tell_of_left_runs(api)
        with program("worker", *takes) as worker:
            wait_until(lambda: _answers(f"{api}/work_pools/{POOL}"), WORKER, worker)
            if not ends:
                at_work()
            try:
                watch({**others, WORKER: worker})
            except KeyboardInterrupt:  # the usual end
                errors.print("ending: the runs under way, the worker, the server")
                return
            except Ended as exc:
                now = time.monotonic()
                ends = [*(end for end in ends if end > now - 3600), now]
                if worker.poll() is None or len(ends) > MOST_ENDS:
                    raise
                errors.print(f"{exc}; starting another", highlight=False)


def read_deployments() -> Deployments:
    """Read what is deployed from prefect.yaml, in a checkout or in an installed wheel."""
    file = configs_folder().parent / "prefect.yaml"
    deployments: Deployments = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    return deployments


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as exc:
            raise InputError(
                f"port {port} is taken, perhaps by another 'basrec serve'; choose one with --port"
            ) from exc


@contextmanager
def _held(home: Path) -> Iterator[None]:
    """Hold the folder of the database, in which two servers would both schedule."""
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(home / "lock", str(home)))
        except Held as exc:
            raise InputError(f"{home}: another 'basrec serve' is at this folder; end it") from exc
        yield


def _set_environment(home: Path, api: str) -> None:
    """Let Prefect's programs use this server, and keep in this folder all that they write."""
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "WARNING")  # it has a file of its own
    quieten_prefect()
    os.environ |= {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


def _tell_of_left_runs(api: str) -> None:
    try:
        count = mark_as_crashed(api, POOL)
    except httpx.HTTPError as exc:
        raise MachineError(f"the server does not answer as it should: {exc}") from exc
    if count:
        errors.print(
            f"{count} runs of before that nothing runs any more: marked as crashed or cancelled"
        )


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _deploy(api: str, data: Path, home: Path, redeploy: bool) -> None:
    """Deploy what the server does not know yet, or all, with the data folder as a parameter."""
    known = httpx.post(f"{api}/deployments/filter", json={}, timeout=60).raise_for_status().json()
    there = {(one["entrypoint"], one["name"]) for one in known}
    wanted = read_deployments()
    new = [one for one in wanted if redeploy or (one["entrypoint"], one["name"]) not in there]
    errors.print(f"{len(wanted)} deployments, {len(new)} of them new", highlight=False)
    if not new:
        return
    for one in new:
        one["parameters"]["data"] = str(data.resolve())
    file = home / "prefect.yaml"
    file.write_text(yaml.safe_dump({"name": POOL, "deployments": new}, sort_keys=False))
    command = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise MachineError(f"deploying failed: {lines[-1].strip() if lines else done.returncode}")
