"""A training killed at any moment goes on to the same weights, optimiser, history and metrics."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from basrec.config import TrainConfig
from basrec.run_folder import read_history
from basrec.training import train

CONFIG: dict[str, Any] = {
    "device": "cpu",
    "kernels": "plain",
    "model": {"embedding_size": 16, "max_length": 20, "sasrec": {"inner_size": 32}},
    "train": {
        "batch_size": 8,
        "stage1": {"epochs": 5, "patience": 2},
        "stage2": {"epochs": 5, "patience": 2},
        "checkpoint_seconds": 0,
    },
}
Start = Callable[[Path], BaseProcess]


@pytest.fixture(scope="module")
def start(prepared: Path) -> Start:
    """Give a function that starts, or resumes, a training in a process of its own.

    They are forked off a process that has imported what they need and done nothing else, so that
    a start takes no seconds.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["basrec.training", "torch._dynamo", "pandas"])
    config = TrainConfig.model_validate(CONFIG)

    def begin(out: Path) -> BaseProcess:
        process = context.Process(
            target=train, args=(prepared, out, config), kwargs={"resume": "auto"}
        )
        process.start()
        return process

    return begin


def finish(process: BaseProcess) -> None:
    process.join(120)
    assert process.exitcode == 0


def kill(process: BaseProcess) -> None:
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()


@pytest.fixture(scope="module")
def whole(start: Start, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Give a run that nothing interrupted, and the seconds it took."""
    run = tmp_path_factory.mktemp("whole") / "run"
    finish(start(run.with_name("first")))  # of which the start takes longer
    started = time.monotonic()
    finish(start(run))
    return run, time.monotonic() - started


def timeless(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def check_same(run: Path, other: Path) -> None:
    """Compare all that two runs have left, but times."""
    assert {path.name for path in run.iterdir()} == {path.name for path in other.iterdir()}
    for name in ("model.safetensors", "metrics.json", "ranks.parquet", "config.yaml"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    assert timeless(read_history(run)) == timeless(read_history(other))
    keys = [json.loads((path / "manifest.json").read_text())["key"] for path in (run, other)]
    assert keys[0] == keys[1]
    one, two = (torch.load(path / "checkpoint.pt", weights_only=True) for path in (run, other))
    states = [saved["optimiser"].pop("state") for saved in (one, two)]
    torch.testing.assert_close(*states, rtol=0, atol=0)
    assert one["optimiser"] == two["optimiser"]
    for name in ("model", "best"):
        weights = [saved.pop(name, None) or saved["progress"].pop(name) for saved in (one, two)]
        torch.testing.assert_close(*weights, rtol=0, atol=0)
    for saved in (one, two):
        saved["progress"].pop("seconds")
        saved["progress"]["history"] = timeless(saved["progress"]["history"])
    assert one["progress"] == two["progress"]  # stage, epoch, early stopping, best epoch


def test_twenty_kills_at_random_moments_change_nothing(
    start: Start, whole: tuple[Path, float], tmp_path: Path
) -> None:
    moments = np.random.default_rng(11).uniform(0, whole[1], size=20)
    runs, stages = [tmp_path / "run 0"], set()
    for moment in moments:
        process = start(runs[-1])
        process.join(moment)
        while process.exitcode is not None:  # it was done before: kill another one
            assert process.exitcode == 0
            runs.append(tmp_path / f"run {len(runs)}")
            process = start(runs[-1])
            process.join(moment * 0.9)
        kill(process)
        history = runs[-1].with_name(runs[-1].name + ".partial") / "history.jsonl"
        if history.exists():
            stages |= {json.loads(line)["stage"] for line in history.read_text().splitlines()}
    finish(start(runs[-1]))
    for run in runs:
        check_same(run, whole[0])
    assert stages == {1, 2}
    assert {path.name for path in tmp_path.iterdir()} == {run.name for run in runs}


def test_kills_while_a_checkpoint_is_written_change_nothing(
    start: Start, whole: tuple[Path, float], tmp_path: Path
) -> None:
    run, broken_off = tmp_path / "run", 0
    work = tmp_path / "run.partial"

    def half_written() -> list[Path]:
        return list(work.glob("checkpoint.pt.tmp-*"))

    for _ in range(8):
        for left in half_written():
            left.unlink()
        process = start(run)
        while not half_written() and process.exitcode is None:
            pass
        if process.exitcode is not None:
            break
        kill(process)
        broken_off += bool(half_written())
    assert broken_off > 1
    finish(start(run))
    check_same(run, whole[0])
