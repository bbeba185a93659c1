"""Too little memory, and processes that the system kills for it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import basrec.errors
import pipeline.errors
from basrec.config import TrainConfig
from flows.children import Children
from pipeline.preparation import prepare
from tests.end_to_end.faults import CONFIG, DATA, TRAIN, children_of_this, order_of, weights

CGROUP = Path("/sys/fs/cgroup/memory")


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
