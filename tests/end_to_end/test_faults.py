"""Faults of the machine, tried for real: what was there stays, and nothing half appears."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import basrec.errors
import pipeline.errors
from basrec.config import TrainConfig
from basrec.files import digest_file
from basrec.run_folder import find_finished
from basrec.training import train
from flows.children import Children
from pipeline.config import DataConfig, NeighbourConfig
from pipeline.interactions import ingest
from pipeline.manifest import verify_outputs
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from pipeline.sample import write_sample
from tests.end_to_end.conftest import serving
from tests.prefect_home import prefect_home

BASREC = [sys.executable, "-c", "from flows.cli import main; main()"]
DATA = DataConfig.model_validate({"format": "amazon_2018", "min_count": 3})
CONFIG: dict[str, Any] = {
    "device": "cpu",
    "kernels": "plain",
    "method": "base",
    "model": {"embedding_size": 16, "max_length": 20},
    "train": {"batch_size": 8, "stage1": {"epochs": 3}, "checkpoint_seconds": 0},
}
TRAIN = TrainConfig.model_validate(CONFIG)
CGROUP = Path("/sys/fs/cgroup/memory")
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
MACHINE = (basrec.errors.MachineError, pipeline.errors.MachineError)
INPUT = (basrec.errors.InputError, pipeline.errors.InputError)
Disk = tuple[Path, Callable[[str], None]]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Give a disk of 4 MiB, and a function to mount it anew with other options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"not allowed to mount a disk: {done.stderr.strip()}")

    mount("size=4m")
    yield place, lambda option: mount("remount", option)
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run that no fault has met."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train(prepared, run, TRAIN)
    return run


def weights(run: Path) -> str:
    return digest_file(run / "model.safetensors")


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): digest_file(path) for path in files}


def steps_on(place: Path, prepared: Path) -> list[Callable[[int], Any]]:
    """Give each stage as a function of a number; another number, another result."""
    raws = [prepared.parent / "sample.json.gz", prepared.parent / "other.json.gz"]
    write_sample(raws[1], 1200, 8)
    ingested = prepared.parent / "ingested"

    def neighbours(number: int) -> None:
        add_neighbours(place / "prepared", NeighbourConfig(top=5 + number), DATA.memory, 1)

    return [
        lambda number: ingest([raws[number]], place / "ingested", DATA),
        lambda number: prepare(
            ingested, place / "prepared", DATA.model_copy(update={"ties": ("file", "item")[number]})
        ),
        neighbours,
        lambda number: train(
            prepared, place / "run", TRAIN.model_copy(update={"seed": number}), resume="auto"
        ),
    ]


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_leaves_what_was_there_and_nothing_half(disk: Disk, prepared: Path) -> None:
    place, _ = disk
    steps = steps_on(place, prepared)
    for step in steps:
        step(0)
    before = contents(place)
    names = {"ingested", "prepared", "run", "ballast", "run.partial"}
    failed = dict.fromkeys(range(len(steps)), 0)
    for room_kib in (0, 4, 12, 20, 40, 200, 500):
        for number, step in enumerate(steps):
            shutil.rmtree(place / "run.partial", ignore_errors=True)
            free = os.statvfs(place).f_bavail * 4096 - room_kib * 1024
            (place / "ballast").write_bytes(bytes(max(0, free)))
            try:
                step(1)
            except MACHINE as exc:
                failed[number] += 1
                assert "No space left" in str(exc) or "full" in str(exc) or "written" in str(exc)
                assert contents(place).items() >= before.items()
            else:
                (place / "ballast").unlink()
                step(0)
                before = contents(place)
            (place / "ballast").unlink(missing_ok=True)
            assert {path.name for path in place.iterdir()} <= names
    assert min(failed.values()) >= 2, failed
    for step in steps:
        step(1)
    verify_outputs(place / "ingested", "ingest")
    verify_outputs(place / "prepared", "prepare")


def test_a_training_that_a_full_disk_stopped_goes_on(
    disk: Disk, prepared: Path, whole: Path
) -> None:
    place, _ = disk

    def fill(line: dict[str, Any]) -> None:
        if line["epoch"] == 2:
            (place / "ballast").write_bytes(bytes(os.statvfs(place).f_bavail * 4096))

    with pytest.raises(basrec.errors.MachineError):
        train(prepared, place / "run", TRAIN, on_epoch=fill)
    assert not (place / "run").exists()
    (place / "ballast").unlink()
    lines: list[dict[str, Any]] = []
    train(prepared, place / "run", TRAIN, resume=True, on_epoch=lines.append)
    assert [line["epoch"] for line in lines] == [3]
    assert weights(place / "run") == weights(whole)


def test_a_read_only_folder_is_refused_and_can_be_read(disk: Disk, prepared: Path) -> None:
    place, remount = disk
    steps = steps_on(place, prepared)
    for step in steps:
        step(0)
    before = contents(place)
    remount("ro")
    for step in steps:
        with pytest.raises(INPUT, match=r"Read-only file system\)?[;:]? .*another folder"):
            step(1)
    assert contents(place) == before
    train(place / "prepared", place.with_name("elsewhere"), TRAIN)
    assert all(step(0) for step in (steps[0], steps[1], steps[3]))  # what is done is reused


def test_too_little_memory_for_duckdb_is_told(prepared: Path, tmp_path: Path) -> None:
    small = DATA.model_copy(update={"memory": "1MB"})
    with pytest.raises(pipeline.errors.MachineError, match="ran out of its 1MB; give more with"):
        prepare(prepared.parent / "ingested", tmp_path / "prepared", small)
    assert list(tmp_path.iterdir()) == []


LARGE = """
import resource, sys
from pathlib import Path
from basrec.config import TrainConfig
from basrec.run_folder import find_finished
from basrec.training import train
from flows.errors import told_in_one_line
import torch._dynamo
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (1 << 30),) * 2)  # threads reserve 128 MiB each
config = TrainConfig.model_validate_json(sys.argv[3])
with told_in_one_line():
    train(Path(sys.argv[1]), Path(sys.argv[2]), config)
"""


def large() -> TrainConfig:
    """Give a config that takes some gigabytes at once."""
    return TrainConfig.model_validate(CONFIG | {"train": {"negative_count": 10_000_000}})


def test_a_memory_limit_of_the_process_is_one_line(prepared: Path, tmp_path: Path) -> None:
    order = [str(prepared), str(tmp_path / "run"), large().model_dump_json()]
    command = [sys.executable, "-c", LARGE, *order]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "error: out of memory; lower train.batch_size" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.fixture
def small_group() -> Iterator[Path]:
    """Give a control group whose processes may take 400 MiB together."""
    group = CGROUP / f"basrec-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(400 << 20))
    except OSError as exc:
        pytest.skip(f"no memory control group (v1) can be made: {exc}")
    yield group
    group.rmdir()


def order_of(prepared: Path, out: Path, config: TrainConfig) -> dict[str, Any]:
    """Give what a sweep tells the process of a training."""
    return {
        "kind": "train",
        "config": config.model_dump(mode="json"),
        "prepared": str(prepared),
        "out": str(out),
        "start_from": None,
        "generated": None,
        "lock": str(out.with_name("lock")),
    }


def children_of_this() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]


def test_a_process_of_a_sweep_that_the_system_kills_for_memory_is_told(
    prepared: Path, tmp_path: Path, small_group: Path
) -> None:
    before = set(children_of_this())

    def confine() -> None:
        while not (new := set(children_of_this()) - before):
            time.sleep(0.001)
        (small_group / "cgroup.procs").write_text(str(new.pop()))

    threading.Thread(target=confine, daemon=True).start()
    with pytest.raises(basrec.errors.MachineError, match=r"killed by SIGKILL \(out of memory\?\)"):
        Children().run(order_of(prepared, tmp_path / "run", large()), lambda line: None)
    assert not (tmp_path / "run").exists()


def test_a_process_of_a_sweep_that_is_killed_goes_on_the_next_time(
    prepared: Path, tmp_path: Path, whole: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before, order = set(children_of_this()), order_of(prepared, tmp_path / "run", TRAIN)

    def kill(line: dict[str, Any]) -> None:
        for child in set(children_of_this()) - before:
            os.kill(child, signal.SIGKILL)

    with pytest.raises(basrec.errors.MachineError, match="killed by SIGKILL"):
        Children().run(order, kill)
    damaged = tmp_path / "run.partial" / "checkpoint.pt"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    Children().run(order, lambda line: None)
    assert weights(tmp_path / "run") == weights(whole)
    assert f"warning: {damaged}: damaged checkpoint" in capfd.readouterr().err


def test_a_clock_that_goes_backwards_changes_nothing(
    prepared: Path, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not FAKETIME.exists():
        pytest.skip("libfaketime is not installed")
    clock = tmp_path / "clock"
    clock.write_text("+30d")
    for name, value in {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }.items():
        monkeypatch.setenv(name, value)
    lines: list[dict[str, Any]] = []

    def set_back(line: dict[str, Any]) -> None:
        lines.append(line)
        clock.write_text(f"-{line['epoch']}00d")

    order = order_of(prepared, tmp_path / "run", TRAIN)
    Children().run(order, set_back)
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert all(0 <= line["seconds"] < 60 for line in lines)
    assert weights(tmp_path / "run") == weights(whole)
    Children().run(order, set_back)
    assert len(lines) == 3  # the run of a later day is reused
    raw = prepared.parent / "sample.json.gz"
    command = [*BASREC, "ingest", str(raw), "--out", str(tmp_path / "ingested")]
    told = subprocess.run([*command, "--format", "amazon_2018"], capture_output=True, check=True)
    assert told and verify_outputs(tmp_path / "ingested", "ingest").seconds >= 0


@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_a_raw_file_that_grows_while_it_is_read_is_refused(kind: str, tmp_path: Path) -> None:
    raw, out, stop = tmp_path / "raw", tmp_path / "ingested", threading.Event()
    write_sample(tmp_path / "sample.json.gz", 1500, 7)
    lines = gzip.decompress((tmp_path / "sample.json.gz").read_bytes())
    raw.write_bytes(lines if kind == "plain" else gzip.compress(lines))
    ingest([raw], out, DATA)
    before, size = contents(out), raw.stat().st_size
    more = lines[: lines.index(b"\n") + 1]

    def grow() -> None:
        while not stop.is_set():
            with raw.open("ab") as file:
                file.write(more if kind == "plain" else gzip.compress(more))

    thread = threading.Thread(target=grow)
    thread.start()
    while raw.stat().st_size == size:
        pass
    try:
        with pytest.raises(pipeline.errors.InputError, match=f"^{raw}: changed while it was read"):
            ingest([raw], out, DATA)
    finally:
        stop.set()
        thread.join()
    assert contents(out) == before
    assert ingest([raw], out, DATA).inputs == {"1 raw": digest_file(raw)}
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "ingested", "sample.json.gz"}


def flow(place: Path, home: str = "", **environment: str) -> subprocess.Popen[str]:
    """Start the flow that trains on what lies in `place`, with the Prefect of a `home`."""
    settings = ["dataset=sample", "name=tiny", "methods=[base]", "device=cpu", "kernels=plain"]
    settings += ["model.embedding_size=16", "train.batch_size=8", "train.stage1.epochs=20"]
    sets = [word for setting in settings[1:] for word in ("--set", setting)]
    return subprocess.Popen(
        [*BASREC, "run", "--dataset", "sample", "--flow", "train", "--data", str(place), *sets],
        env=os.environ | {"PREFECT_HOME": home or prefect_home(place), **environment},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def test_a_damaged_database_of_prefect_is_one_line_and_may_be_removed(
    prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared, tmp_path / "prepared" / "tiny")
    database = tmp_path / "prefect" / "prefect.db"
    database.parent.mkdir()
    database.write_bytes(b"no database" * 1000)
    seconds = {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "10"}
    process = flow(tmp_path, str(database.parent), **seconds)
    told = process.communicate(timeout=200)[1]
    assert process.returncode == 1 and "Traceback" not in told
    assert told.strip().splitlines()[-1].startswith("error: Prefect's own server does not start")
    shutil.rmtree(database.parent)
    process = flow(tmp_path, str(database.parent))
    told = process.communicate(timeout=200)[1]
    assert process.returncode == 0, told


def test_a_run_whose_server_is_killed_is_done_nevertheless(prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "prepared" / "tiny")
    with serving(tmp_path / "server") as (server, address):
        process = flow(tmp_path, PREFECT_API_URL=address, PREFECT_CLIENT_MAX_RETRIES="0")
        assert process.stderr
        for line in process.stderr:
            if "epoch 2/" in line:
                server.kill()
                break
        told = process.communicate(timeout=200)[1]
    assert process.returncode == 1 and "Traceback" not in told
    assert "error: Prefect's server fails" in told
    (run,) = (tmp_path / "runs" / "tiny").iterdir()
    key = json.loads((run / "manifest.json").read_text())["key"]
    assert find_finished(run, key)  # so the next call has nothing to do
