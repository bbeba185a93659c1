"""Errors on the command line: exit codes, one clear line, nothing left behind."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.errors import exit_code, one_line, told_in_one_line
from tests.flows.calling import assert_told, basrec


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "missing.gz", "no such file"),
        (lambda folder: write(folder / "empty", b""), "the file is empty"),
        (lambda folder: write(folder / "page", b"<html>\n"), "looks like an HTML page"),
        (lambda folder: write(folder / "cut.gz", broken_gzip()), "breaks off"),
        (lambda folder: write(folder / "csv", b"u,i,5.0,1300000000\n" * 9), "try --format"),
        (lambda folder: write(folder / "few", sparse()), "nothing is left of the core"),
    ],
)
def test_bad_dumps_are_told_and_leave_nothing(
    tmp_path: Path, make: Callable[[Path], Path], told: str
) -> None:
    raw = make(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    assert_told(basrec("prepare", raw, "--out", tmp_path / "out"), 2, told)
    assert {path.name for path in tmp_path.iterdir()} == before


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def broken_gzip() -> bytes:
    data = gzip.compress(os.urandom(4000).hex().encode())
    return data[: len(data) // 2]


def sparse() -> bytes:
    row = {"reviewerID": "u", "asin": "i", "overall": 5, "unixReviewTime": 1_300_000_000}
    return json.dumps(row).encode() + b"\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run"], "nothing to run"),
        (["run", "--dataset", "beauty"], "no dump is named"),
        (["run", "--dataset", "beauty", "--set", "traim.epochs=3"], "'traim' is not known"),
        (["run", "--dataset", "beauty", "--set", "train.batch_size=x"], "valid integer"),
        (["run", "--dataset", "beauty", "--flow", "everything"], "'everything' is not known"),
        (["run", "missing.yaml"], "no such config file"),
        (["prepare", "x", "--format", "csv", "--out", "o"], "'csv' is not a format"),
        (["prepare", "x", "--min-count", "0", "--out", "o"], "greater than or equal to 1"),
        (["prepare", "x"], "where to?"),
        (["train", "nowhere", "--out", "o"], "no such file"),
        (["train", "nowhere", "--out", "o", "--backbone", "bert"], "'bert' is not known"),
        (["train", "nowhere", "--out", "o", "--method", "magic"], "magic"),
        (["train", "nowhere", "--out", "o", "--method", ""], "'methods' = []"),
        (["train", "nowhere", "--out", "o", "--device", "tpu"], "tpu"),
        (["run", "--dataset", "sample", "--set", "methods=[magic]"], "'magic' is not known"),
        (["generate", "nowhere", "--out", "o", "--method", "magic"], "'magic' is not known"),
        (["evaluate", "nowhere"], "no run folder"),
        (["evaluate", "nowhere", "--split", "half"], "write test or validation"),
        (["report", "nowhere"], "no run folder"),
        (["export", "nowhere", "--out", "o"], "no run folder"),
        (["analyse", "nowhere"], "no run folder"),
        (["neighbours", "nowhere"], "no such folder"),
        (["datasets", "atlantis"], "is not known; known:"),
        (["download", "yelp"], "accept its terms"),
    ],
)
def test_wrong_calls_exit_with_2_and_one_line(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    assert_told(basrec(*arguments, cwd=tmp_path), 2, told)


def test_a_place_that_cannot_be_written_is_a_wrong_call(raw: Path, tmp_path: Path) -> None:
    blocked = write(tmp_path / "file", b"")
    assert_told(basrec("prepare", raw, "--out", blocked / "out"), 2, "cannot be written")


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Give a function that mounts a small or read-only disk; needs to be root."""
    places: list[Path] = []

    def make(options: str) -> Path:
        place = tmp_path / "disk"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
            pytest.skip("may not mount a disk here")
        places.append(place)
        return place

    yield make
    for place in places:
        subprocess.run(["umount", str(place)], check=False)


def test_a_disk_that_fills_up_exits_with_1_and_leaves_nothing(
    raw: Path, mount: Callable[[str], Path]
) -> None:
    disk = mount("size=48k")
    done = basrec("prepare", raw, "--out", disk / "out")
    assert_told(done, 1, "the disk is full")
    assert list(disk.iterdir()) == []


def test_a_read_only_disk_exits_with_2(raw: Path, mount: Callable[[str], Path]) -> None:
    disk = mount("ro")
    assert_told(basrec("prepare", raw, "--out", disk / "out"), 2, "cannot be written")
    assert_told(basrec("sample", "--out", disk / "a.gz"), 2, "Read-only")


def test_a_full_disk_exits_with_1() -> None:
    full = OSError(28, "No space left on device")
    assert exit_code(full) == 1
    assert one_line(full).startswith("No space left on device; free space")


def test_unforeseen_errors_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), told_in_one_line():
        _ = 1 / 0


@pytest.mark.parametrize(
    "interrupt", [KeyboardInterrupt(), SystemExit(130)]
)  # Typer's is the latter
def test_an_interrupt_exits_with_130_and_one_line(
    interrupt: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left, told_in_one_line():
        raise interrupt
    assert left.value.code == 130
    assert capsys.readouterr().err.startswith("error: interrupted; run again")
    assert exit_code(SystemExit(2)) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_swallows_its_end_leaves_after_the_grace(number: int) -> None:
    code = (
        "import signal, time; from flows.errors import end_on_sigterm; end_on_sigterm(0.2)\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"  # as a library may do
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(number)
        told = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert told.startswith("error: interrupted; run again")
