"""Locks between real processes: who holds, waiting, kills; and flows within flows."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.config import RunConfig, resolve_values
from flows.errors import exit_code
from flows.lock import (
    Held,
    alone,
    alone_on_dataset,
    among_others,
    folder_lock,
    holder,
    making,
    working_on,
)
from pipeline.errors import InputError

HOLD = """
import sys, time
from pathlib import Path
from flows.lock import working_on
with working_on("mine", Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
COUNT = """
import sys, time
from pathlib import Path
from flows.lock import FOREVER, alone
counter = Path(sys.argv[1]) / "counter"
for _ in range(5):
    with alone(Path(sys.argv[1]) / "lock", "counter", FOREVER):
        number = int(counter.read_text())
        time.sleep(0.01)
        counter.write_text(str(number + 1))
"""


def hold(data: Path, seconds: float) -> subprocess.Popen[str]:
    """Start a process that holds the dataset's lock."""
    command = [sys.executable, "-c", HOLD, str(data), str(seconds)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout and child.stdout.readline() == "held\n"
    return child


def test_who_holds_is_told_at_once_and_a_killed_owner_holds_nothing(tmp_path: Path) -> None:
    child = hold(tmp_path, 600)
    with pytest.raises(Held) as caught, working_on("mine", tmp_path):
        pass
    told = str(caught.value)
    assert told.startswith(f"dataset mine: process {child.pid} on ") and "0 min" in told
    assert "lock.wait_seconds" in told and exit_code(caught.value) == 1
    with working_on("other", tmp_path):  # another dataset is free
        pass
    child.kill()
    child.wait()
    with working_on("mine", tmp_path):
        pass
    assert not (tmp_path / "locks" / "mine.lock").exists()


def test_one_waits_and_says_for_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    child = hold(tmp_path, 2)
    config = resolve_values({"name": "mine", "lock": {"wait_seconds": 60}})
    assert alone_on_dataset(lambda config, data: child.wait())(config, tmp_path) == 0
    told = capsys.readouterr().err
    assert f"dataset mine: waiting for at most 60 s; process {child.pid} on " in told
    assert len(told.splitlines()) == 1


def test_waiting_has_an_end(tmp_path: Path) -> None:
    child = hold(tmp_path, 600)
    started = time.monotonic()
    with pytest.raises(Held), working_on("mine", tmp_path, wait_seconds=1):
        pass
    assert time.monotonic() - started >= 1
    child.kill()
    child.wait()


def test_no_two_processes_are_in_at_once(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    command = [sys.executable, "-c", COUNT, str(tmp_path)]
    children = [subprocess.Popen(command) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert (tmp_path / "counter").read_text() == "15"


def test_a_flow_within_a_flow_goes_on_and_a_thread_beside_it_does_not(tmp_path: Path) -> None:
    config, done = resolve_values({"name": "mine"}), []

    @alone_on_dataset
    def inner(config: RunConfig, data: Path) -> str:
        return f"inner of {config.name}"

    def try_inner(data: Path) -> None:
        with pytest.raises(Held):
            inner(config, data)
        done.append("held")

    @alone_on_dataset
    def outer(config: RunConfig, data: Path) -> str:
        beside = threading.Thread(target=try_inner, args=(data,))
        beside.start()
        beside.join()
        told = inner(config, data)
        assert holder(data / "locks" / "mine.lock")  # the inner one's end has not let go
        return told

    assert outer(config, tmp_path) == "inner of mine" and done == ["held"]
    assert holder(tmp_path / "locks" / "mine.lock") is None


def test_those_who_share_a_folder_keep_out_who_wants_it_alone(tmp_path: Path) -> None:
    path = folder_lock(tmp_path)
    with working_on("a", tmp_path), among_others(path, "data"), pytest.raises(Held):
        with_it_alone(path)
    with alone(path, "data"), pytest.raises(Held, match="data: process"):
        with_others(path)
    with_others(path)


def with_it_alone(path: Path) -> None:
    with alone(path, "data"):
        pass


def with_others(path: Path) -> None:
    with among_others(path, "data"):
        pass


def test_what_a_lock_file_says_may_be_anything(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.write_text("[1")
    with alone(path, "x"):
        path.write_text('{"since": 3}')
        with pytest.raises(Held, match="x: another process is at it"), alone(path, "x"):
            pass


def test_a_single_command_holds_the_dataset_of_its_folder(tmp_path: Path) -> None:
    child = hold(tmp_path, 600)
    for kind in ("prepared", "ingested"):
        with pytest.raises(Held, match=r"dataset mine: process .* --wait SECONDS"):
            with_folder(tmp_path / kind / "mine")
        with_folder(tmp_path / kind / "other")
    with_folder(tmp_path / "elsewhere" / "mine")
    child.kill()
    child.wait()
    with making(tmp_path / "elsewhere" / "mine"), pytest.raises(Held, match="elsewhere/mine: pr"):
        with_folder(tmp_path / "elsewhere" / "mine")


def test_nothing_is_made_for_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["neighbours", str(tmp_path / "data" / "prepared" / "typo")])
    assert isinstance(done.exception, InputError) and list(tmp_path.iterdir()) == []


def with_folder(out: Path) -> None:
    with making(out):
        pass


@pytest.mark.parametrize(
    "words", [("ingest", "x", "--out"), ("prepare", "x", "--out"), ("neighbours",)]
)
def test_commands_that_make_folders_say_who_holds_them_or_wait(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command, place = [*words, "data/prepared/mine"], tmp_path / "data"
    (place / "prepared" / "mine").mkdir(parents=True)
    child = hold(place, 600)
    assert isinstance(CliRunner().invoke(app, command).exception, Held)
    child.kill()
    child.wait()
    child = hold(place, 2)
    waited = CliRunner().invoke(app, [*command, "--wait", "60"])
    assert isinstance(waited.exception, InputError) and child.wait() == 0  # there is no such file
