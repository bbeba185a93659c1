"""A command's own Prefect server: of use to it, not met by its Ctrl-C, and gone after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.prefect_home import prefect_home

START = """
import sys, time
from flows.run import quieten_prefect
quieten_prefect()
from flows.own_server import start_server
start_server()()
from prefect.settings import PREFECT_API_URL
print(PREFECT_API_URL.value(), flush=True)
sys.stdin.read() if len(sys.argv) == 1 else time.sleep(600)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    return kept | {"PREFECT_HOME": prefect_home(tmp_path), "BASREC_DEBUG": "1"}


def start(environment: dict[str, str], *words: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-c", START, *words]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    return process, process.stdout.readline().strip()


def is_served(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("how", ["kill -9", "kill -9 of its group", "its end"])
def test_it_is_there_as_long_as_the_command_and_frees_its_pipes(
    how: str, environment: dict[str, str]
) -> None:
    process, address = start(environment)
    assert is_served(address)
    assert process.stdin
    if how == "its end":
        process.stdin.close()
        assert process.wait(60) == 0
        assert not is_served(address)  # at once
        return
    (os.kill if how == "kill -9" else os.killpg)(process.pid, signal.SIGKILL)
    began = time.monotonic()
    process.communicate(timeout=20)  # its stderr is the server's too, which closes it by its end
    assert not is_served(address)
    print(f"gone after {time.monotonic() - began:.1f} s")


def test_ctrl_c_is_for_the_command_alone(environment: dict[str, str]) -> None:
    catching = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    command = [sys.executable, "-c", catching + START]
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    address = process.stdout.readline().strip()
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1)
    assert is_served(address)
    process.communicate()


def test_one_that_is_known_is_used(environment: dict[str, str]) -> None:
    known = "http://127.0.0.1:1/api"
    process, address = start(environment | {"PREFECT_API_URL": known})
    assert address == known
    process.communicate()
