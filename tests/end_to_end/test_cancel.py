"""A training that is cancelled stops within seconds, and goes on to the same weights."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from basrec.training import train
from flows.config import resolve
from flows.json_lines import read_lines
from flows.prepare import prepare_folder
from pipeline.sample import write_sample
from tests.flows.calling import BASREC
from tests.prefect_home import prefect_home

EPOCHS = 12
SETTINGS = [
    *("data.min_count=3", "model.embedding_size=32", "methods=[base]", "train.threads=1"),
    *(f"train.stage1.epochs={EPOCHS}", "train.checkpoint_seconds=0"),
]
CONFIG = resolve(None, "sample", SETTINGS).for_method("base")
RUN = "data/runs/sample/base-sasrec-paper-seed1"
SERVE = f"""
from pathlib import Path
from prefect import flow
from flows.config import resolve
from flows.rebuild import train_flow

@flow
def night() -> None:
    train_flow(resolve(None, "sample", {SETTINGS!r}), Path({{data!r}}))

if __name__ == "__main__":
    night.serve(name="night")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    raw, prepared = folder / "raw" / "sample.json.gz", folder / "data" / "prepared" / "sample"
    write_sample(raw, rows=20_000)
    prepare_folder([raw], prepared, "sample", {"min_count": 3}, {})
    train(prepared, folder / "whole", CONFIG)
    return folder


def command(flow: str) -> list[str]:
    sets = [part for setting in SETTINGS for part in ("--set", setting)]
    return [*BASREC, "run", "--dataset", "sample", "--flow", flow, *sets]


def environment(place: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
    return kept | {"PREFECT_HOME": prefect_home(place)} | more


def until(is_so: Callable[[], Any], seconds: float = 240) -> Any:
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def epochs(place: Path) -> int:
    return len(read_lines(place / f"{RUN}.partial" / "history.jsonl"))


def weights(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def check_it_goes_on(place: Path) -> None:
    """See that the run goes on, after two epochs at least, to the weights of the whole run."""
    told: list[int] = []
    prepared = place / "data" / "prepared" / "sample"
    train(
        prepared,
        place / RUN,
        CONFIG,
        resume="auto",
        on_epoch=lambda line: told.append(line["epoch"]),
    )
    assert told == list(range(told[0], EPOCHS + 1)) and told[0] > 2
    assert weights(place / RUN) == weights(place / "whole")
    shutil.rmtree(place / RUN)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_ends_training_and_goes_on_exactly(place: Path, sent: int) -> None:
    before = {line["run"] for line in read_lines(place / "data" / "logs" / "sample.jsonl")}
    running = subprocess.Popen(
        command("train"), cwd=place, env=environment(place), stderr=subprocess.PIPE, text=True
    )
    until(lambda: epochs(place) >= 3)  # a history is written before its checkpoint
    started = time.monotonic()
    running.send_signal(sent)
    log = place / "data" / "logs" / "sample.jsonl"
    until(lambda: log.exists() and read_lines(log)[-1]["run"] not in before)
    print(f"stopped {time.monotonic() - started:.1f} s after {signal.Signals(sent).name}")
    running.wait(120)
    print(f"ended {time.monotonic() - started:.1f} s after {signal.Signals(sent).name}")
    told = running.communicate(timeout=120)[1]
    assert running.returncode == 130 and "error: interrupted" in told
    last = read_lines(log)[-1]
    assert (last["stage"], last["outcome"]) == ("train", "cancelled")
    check_it_goes_on(place)


def test_a_cancel_in_prefect_ends_training(place: Path, server: str) -> None:
    (place / "serve.py").write_text(SERVE.format(data=str(place / "data")))
    env = environment(place, PREFECT_API_URL=server, PREFECT_RUNNER_POLL_FREQUENCY="1")
    serving = subprocess.Popen(
        [sys.executable, "serve.py"], cwd=place, env=env, stderr=subprocess.DEVNULL
    )
    try:
        query = {"deployments": {"name": {"any_": ["night"]}}}
        found = until(lambda: httpx.post(f"{server}/deployments/filter", json=query).json())
        made = httpx.post(f"{server}/deployments/{found[0]['id']}/create_flow_run", json={})
        address = f"{server}/flow_runs/{made.json()['id']}"
        until(lambda: epochs(place) >= 3)  # a history is written before its checkpoint
        started = time.monotonic()
        httpx.post(f"{address}/set_state", json={"state": {"type": "CANCELLING"}})
        log = place / "data" / "logs" / "sample.jsonl"
        until(lambda: read_lines(log)[-1]["outcome"] == "cancelled" and not (place / RUN).exists())
        print(f"training ended {time.monotonic() - started:.1f} s after Prefect's cancel")
        until(lambda: httpx.get(address).json()["state"]["type"] == "CANCELLED")
        print(f"cancelled in {time.monotonic() - started:.1f} s")
    finally:
        serving.terminate()
        serving.wait(60)
    check_it_goes_on(place)
