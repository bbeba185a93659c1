"""A sweep through the command line: a failing cell, reuse, and kills that leave no trace."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import httpx
import polars as pl
import pyarrow.parquet as pq
import pytest

from pipeline.config import DataConfig, NeighbourConfig
from pipeline.interactions import ingest
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from pipeline.sample import write_sample
from tests.flows.calling import BASREC
from tests.prefect_home import prefect_home

EXPERIMENT = """
datasets: [tiny]
backbones: [sasrec]
variants:
  Broken: {method: base, settings: {train: {learning_rate: 1.0e+30}}}
  BASRec: {method: basrec}
  Base: {method: base}
baseline: Base
settings:
  device: cpu
  kernels: plain
  model: {embedding_size: 16, max_length: 20, sasrec: {inner_size: 32}}
  train: {batch_size: 32, stage1: {epochs: 10}, stage2: {epochs: 20}, checkpoint_seconds: 0}
"""
BROKEN = "the loss is not finite in stage 1, epoch 1"
TABLES = ("results.csv", "results.parquet")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare a small dataset in two data folders, and write the experiment."""
    folder = tmp_path_factory.mktemp("sweep")
    config = DataConfig.model_validate({"format": "amazon_2018", "min_count": 3})
    prepared = folder / "one" / "prepared" / "tiny"
    write_sample(folder / "sample.json.gz", 4000, 7)
    ingest([folder / "sample.json.gz"], folder / "ingested", config)
    prepare(folder / "ingested", prepared, config, None)
    add_neighbours(prepared, NeighbourConfig(), config.memory, config.threads)
    shutil.copytree(prepared, folder / "other" / "prepared" / "tiny")
    (folder / "mine.yaml").write_text(EXPERIMENT)
    return folder


def start(place: Path, data: str, server: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "PREFECT_HOME": prefect_home(place),
        "PREFECT_API_URL": server,
        "COLUMNS": "120",
    }
    command = [*BASREC, "sweep", "mine.yaml", "--data", data, "--jobs", "2"]
    return subprocess.Popen(
        command,
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def sweep(place: Path, data: str, server: str) -> subprocess.CompletedProcess[str]:
    process = start(place, data, server)
    out, told = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, told)


@pytest.fixture(scope="module")
def whole(place: Path, server: str) -> subprocess.CompletedProcess[str]:
    return sweep(place, "one", server)


def test_the_server_shows_states_and_artifacts(
    whole: subprocess.CompletedProcess[str], server: str
) -> None:
    (flow,) = httpx.post(f"{server}/flow_runs/filter", json={}).json()
    assert (flow["name"], flow["state"]["type"]) == ("sweep-mine", "FAILED")
    tasks = httpx.post(f"{server}/task_runs/filter", json={}).json()
    assert {task["name"]: task["state"]["type"] for task in tasks} == {
        "tiny/sasrec/Broken/1": "FAILED",
        "tiny/sasrec/BASRec/1": "COMPLETED",
        "tiny/sasrec/Base/1": "COMPLETED",
    }
    found = httpx.post(f"{server}/artifacts/latest/filter", json={}).json()
    artifacts = {artifact["key"]: artifact["data"] for artifact in found}
    assert artifacts["sweep-progress-mine"] == 100
    assert [row["variant"] for row in json.loads(artifacts["sweep-mine"])] == [
        *("Broken", "BASRec", "Base")
    ]


def test_a_failing_cell_is_listed_and_does_not_stop_the_rest(
    place: Path, whole: subprocess.CompletedProcess[str]
) -> None:
    assert whole.returncode == 1, whole.stderr
    assert "error: 1 of 3 cells failed" in whole.stderr and "Traceback" not in whole.stderr
    assert f"failed: tiny/sasrec/Broken/1: {BROKEN}" in whole.stdout
    rows = list(csv.DictReader((place / "one/sweeps/mine/results.csv").open()))
    assert [(row["variant"], row["split"], row["status"]) for row in rows] == [
        ("Broken", "validation", "failed"),
        ("Broken", "test", "failed"),
        ("BASRec", "validation", "done"),
        ("BASRec", "test", "done"),
        ("Base", "validation", "done"),
        ("Base", "test", "done"),
    ]
    assert rows[0]["message"].startswith(BROKEN) and rows[0]["NDCG@10"] == rows[0]["run"] == ""
    assert (rows[3]["epochs_stage1"], rows[3]["epochs_stage2"]) == ("10", "20")
    assert (place / "one" / rows[3]["run"] / "metrics.json").is_file()
    timings = list(csv.DictReader((place / "one/sweeps/mine/timings.csv").open()))
    assert [row["variant"] for row in timings] == ["BASRec", "Base"]
    assert all(float(row["peak_memory_mib"]) > 50 for row in timings)
    epochs = list(csv.DictReader((place / "one/sweeps/mine/history.csv").open()))
    assert [row["stage"] for row in epochs if row["variant"] == "BASRec"] == ["1"] * 10 + ["2"] * 20
    best = max(float(row["NDCG@20"]) for row in epochs if row["variant"] == "Base")
    assert best == pytest.approx(float(rows[4]["NDCG@20"]))  # the weights that are kept
    similar = list(csv.DictReader((place / "one/sweeps/mine/similarity.csv").open()))
    assert {row["variant"] for row in similar} == {"BASRec"}  # base makes no samples
    assert [row["kind"] for row in similar] == ["single_sequence", "cross_sequence", "mean"]
    told = [float(row["over_training"]) for row in similar]
    assert told[2] == pytest.approx((told[0] + told[1]) / 2) and 0 < told[0] < 1
    origins = list(csv.DictReader((place / "one/sweeps/mine/origins.csv").open()))
    assert [json.loads(row["config"])["method"] for row in origins] == ["basrec", "base"]
    run = place / "one" / rows[3]["run"]
    assert (
        json.loads(origins[0]["inputs"])
        == json.loads((run / "manifest.json").read_text())["inputs"]
    )


def test_the_results_are_read_by_polars_duckdb_and_arrow(
    place: Path, whole: subprocess.CompletedProcess[str]
) -> None:
    folder = place / "one" / "sweeps" / "mine"
    frame = pl.read_parquet(folder / "results.parquet")
    assert frame.equals(pl.read_csv(folder / "results.csv", schema=frame.schema))
    for name in TABLES:
        query = f"select count(*), avg(\"NDCG@10\") from '{folder / name}' where status = 'done'"
        count, mean = duckdb.sql(query).fetchall()[0]
        assert count == 4
        assert mean == pytest.approx(frame["NDCG@10"].mean())
    assert pq.read_table(folder / "results.parquet").num_rows == 6


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def read(path: Path) -> str:
    """Read a file of a folder that may be renamed in between."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def epochs_of(place: Path, method: str) -> int:
    """Count the epochs of a method's runs, under way or done."""
    paths = (place / "other/runs/tiny/sweeps").glob(f"{method}-*/history.jsonl")
    return sum(len(text.splitlines()) for path in paths if (text := read(path)))


def test_a_killed_sweep_goes_on_to_the_same_bytes(
    place: Path, whole: subprocess.CompletedProcess[str], server: str
) -> None:
    first = start(place, "other", server)
    wait_for(lambda: epochs_of(place, "base") >= 2)
    first.send_signal(signal.SIGTERM)
    told = first.communicate(timeout=60)[1]
    assert first.returncode == 130 and "Traceback" not in told
    assert "error: interrupted; run it again, it goes on" in told
    second = start(place, "other", server)
    wait_for(lambda: epochs_of(place, "basrec") >= 10 + 3)  # in the middle of stage 2
    os.killpg(second.pid, signal.SIGKILL)
    second.communicate(timeout=60)
    assert list((place / "other/runs/tiny/sweeps").glob("basrec-*.partial/checkpoint.pt"))
    assert not list((place / "other/runs/tiny/sweeps").glob("basrec-*/metrics.json"))
    third = sweep(place, "other", server)
    assert third.returncode == 1, third.stderr
    assert "3 cells: 2 steps to do, 1 cells done" in third.stderr  # the base run is reused
    assert "Base/1 running" not in third.stderr and "BASRec/1 done" in third.stderr
    place.joinpath("mine.yaml").write_text(EXPERIMENT + "seeds: [2]\n")
    try:
        refused = sweep(place, "other", server)
    finally:
        place.joinpath("mine.yaml").write_text(EXPERIMENT)
    assert refused.returncode == 2
    assert "error: other/sweeps/mine: holds another experiment of this name (other seeds)" in (
        refused.stderr
    )
    for name in TABLES:
        one, other = (place / data / "sweeps/mine" / name for data in ("one", "other"))
        assert one.read_bytes() == other.read_bytes(), name
    assert third.stdout.replace("other/", "one/") == whole.stdout
