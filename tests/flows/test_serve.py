"""What `basrec serve` refuses before it starts; end_to_end/test_serve.py runs it."""

import fcntl
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import flows.serve
from flows import programs
from flows.programs import Ended, program, wait_until, watch
from flows.serve import serve
from pipeline.errors import InputError, MachineError
from tests.end_to_end.conftest import free_port


def test_a_taken_port_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"port {port} is taken.*--port"):
            serve(tmp_path, port, 1, False)
    assert not (tmp_path / "prefect").exists()


def test_a_second_serve_on_one_folder_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "prefect"
    home.mkdir()
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another 'basrec serve' is at this folder"):
            serve(tmp_path, free_port(), 1, False)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put in Prefect's place a program that starts another, and both take no notice of SIGTERM."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of pytest stay
    (tmp_path / "prefect.py").write_text(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "below = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],\n"
        "                         start_new_session=True)\n"
        "print(below.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(programs, "END_SECONDS", 1.0)
    return tmp_path


def test_what_takes_no_notice_is_killed_with_all_below_it(fake: Path) -> None:
    log = fake / "log"
    with log.open("w") as output, program("server", output=output) as child:
        wait_until(log.read_text, "it", child)
        below = int(log.read_text())
        assert below in programs._parents()
    assert child.returncode == -signal.SIGKILL
    assert below not in programs._parents()


def test_a_worker_that_dies_again_and_again_ends_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prefect.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    marked: list[str] = []
    deployed: list[bool] = []
    monkeypatch.setattr(flows.serve, "_answers", lambda _: True)
    monkeypatch.setattr(flows.serve, "_tell_of_left_runs", marked.append)
    with pytest.raises(Ended, match="the worker ended by itself, with code 3"):
        flows.serve._keep_worker("the API", 1, {}, lambda: deployed.append(True))
    assert marked == ["the API"] * 4  # before each start
    assert deployed == [True]  # after the first


def test_what_a_killed_program_had_started_is_killed_too(tmp_path: Path) -> None:
    """As a worker starts its runs: each in a session of its own."""
    (tmp_path / "it.py").write_text(
        "import subprocess, sys, time\n"
        "below = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],\n"
        "                         start_new_session=True)\n"
        "print(below.pid, flush=True)\n"
        "time.sleep(5)\n"
    )
    command = [sys.executable, str(tmp_path / "it.py")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    below = int(child.stdout.readline())
    with pytest.raises(Ended, match="it ended by itself, with code 0"):
        watch({"it": child})
    deadline = time.monotonic() + 20
    while below in programs._parents() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert below not in programs._parents()


def test_a_program_that_ends_at_once_is_told() -> None:
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], text=True)
    with pytest.raises(MachineError, match="the server ended with code 3 before it was ready"):
        wait_until(lambda: False, "the server", child)
