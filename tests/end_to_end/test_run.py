"""The main job through the command line: no server, then a real one; reuse; single flows."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.json_lines import read_lines
from pipeline.sample import write_sample
from tests.flows.calling import BASREC
from tests.prefect_home import prefect_home

SETTINGS = [
    "data.min_count=3",
    "model.embedding_size=16",
    "train.stage1.epochs=2",
    "train.stage2.epochs=1",
    "train.threads=1",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    write_sample(folder / "data" / "raw" / "sample" / "sample.json.gz", rows=20_000)
    return folder


def basrec(
    place: Path, *arguments: str, server: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PREFECT_HOME": prefect_home(place), "COLUMNS": "160"}
    environment.pop("PREFECT_API_URL", None)
    if server:
        environment["PREFECT_API_URL"] = server
    done = subprocess.run(
        [*BASREC, *arguments], cwd=place, env=environment, capture_output=True, text=True
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def run(place: Path, *extra: str, **options: Any) -> subprocess.CompletedProcess[str]:
    sets = [part for setting in SETTINGS for part in ("--set", setting)]
    return basrec(place, "run", "--dataset", "sample", *sets, *extra, **options)


@pytest.fixture(scope="module")
def first(place: Path) -> subprocess.CompletedProcess[str]:
    return run(place)


def test_the_main_job_ends_with_table_curves_and_report(
    place: Path, first: subprocess.CompletedProcess[str]
) -> None:
    assert "NDCG@10" in first.stdout and "gain" in first.stdout
    assert "report: data/runs/sample/report.html" in first.stdout
    assert "base: stage 1 epoch 2/2" in first.stderr
    assert "basrec: stage 2 epoch 1/1" in first.stderr
    assert "Traceback" not in first.stderr
    runs = place / "data" / "runs" / "sample"
    names = {path.name for path in runs.iterdir()}
    assert names == {"base-sasrec-paper-seed1", "basrec-sasrec-paper-seed1", "report.html"}
    metrics = json.loads((runs / "basrec-sasrec-paper-seed1" / "metrics.json").read_text())
    assert (runs / "basrec-sasrec-paper-seed1" / "report.html").is_file()
    base = json.loads((runs / "base-sasrec-paper-seed1" / "metrics.json").read_text())
    assert metrics["stage1"]["test"] == base["test"]  # stage 1 was trained once
    prepared = {path.name for path in (place / "data" / "prepared" / "sample").iterdir()}
    assert prepared == {
        "interactions.parquet",
        "users.parquet",
        "items.parquet",
        "sequences.parquet",
        "neighbours.parquet",
        "rejects.parquet",
        "passport.json",
        "passport.html",
        "manifest.json",
    }


def test_a_second_run_reuses_every_stage_and_says_so(
    place: Path, first: subprocess.CompletedProcess[str]
) -> None:
    told = run(place, "--set", "verify=content").stderr
    for stage in ("sample", "ingest", "prepare", "neighbours", "train base", "train basrec"):
        assert f"{stage}: reused" in told
    assert "epoch" not in told


def test_a_run_of_which_nothing_is_new_says_so(
    place: Path, first: subprocess.CompletedProcess[str]
) -> None:
    told = run(place).stderr
    assert told.startswith("rebuild: nothing new") and len(told.splitlines()) == 1
    raw = place / "data" / "raw" / "sample" / "sample.json.gz"
    raw.touch()  # marks that differ, the same content
    told = run(place).stderr
    assert "ingest: reused" in told and "train basrec: reused" in told


def test_a_run_leaves_its_log_its_nights_and_their_drift(
    place: Path, first: subprocess.CompletedProcess[str]
) -> None:
    log = read_lines(place / "data" / "logs" / "sample.jsonl")
    stages = [line["stage"] for line in log if line["run"] == log[0]["run"]]
    assert stages == [
        *("sample", "ingest", "prepare", "neighbours", "validate"),
        *("check", "train", "train", "evaluate", "evaluate", "report"),
    ]
    assert log[1]["rows"]["interactions"] > 0 and log[1]["peak_memory_mib"] > 50
    nights = read_lines(place / "data" / "nights" / "sample.jsonl")
    assert [night["outcome"] for night in nights] == ["done"] * len(nights)
    metrics = place / "data" / "runs" / "sample" / "base-sasrec-paper-seed1" / "metrics.json"
    assert nights[0]["metrics"]["base"] == json.loads(metrics.read_text())["test"]
    page = (place / "data" / "runs" / "sample" / "report.html").read_text()
    assert ("Over the nights" in page) == (len(nights) > 1)


def test_a_changed_key_redoes_what_depends_on_it_only(
    place: Path, first: subprocess.CompletedProcess[str]
) -> None:
    told = run(place, "--set", "neighbours.top=5", "--set", "name=sample").stderr
    assert "prepare: reused" in told and "neighbours: done" in told
    assert "train base: reused" in told  # base training does not read neighbours
    assert "train basrec: done" in told


def test_flows_run_alone(place: Path, first: subprocess.CompletedProcess[str]) -> None:
    for flow in ("prepare", "neighbours", "train", "evaluate"):
        done = run(place, "--flow", flow)
        assert "error" not in done.stderr
    base = "data/runs/sample/base-sasrec-paper-seed1"
    told = json.loads(basrec(place, "evaluate", base).stdout)
    assert told["NDCG@10"] > 0
    assert json.loads(basrec(place, "evaluate", base, "--seen", "zero").stdout) != told
    assert json.loads(basrec(place, "evaluate", base, "--ties", "optimistic").stdout) == told
    wrong = basrec(place, "evaluate", base, "--seen", "half", check=False)
    assert wrong.returncode == 2 and "'seen' = 'half'" in wrong.stderr


def test_what_the_data_lack_is_told_before_the_first_method_is_trained(
    place: Path, first: subprocess.CompletedProcess[str]
) -> None:
    keys = ["methods=[base,asrep]", "seed=9", "model.max_length=4096"]
    keys += ["augmentation.prior.count=4000", "augmentation.prior.shorter_than=all"]
    told = run(place, "--flow", "train", *(w for key in keys for w in ("--set", key)), check=False)
    assert told.returncode == 2
    assert "augmentation.prior.count = 4000: a user has" in told.stderr
    assert not list((place / "data" / "runs" / "sample").glob("*-seed9"))


def test_a_failing_flow_tells_one_line_and_exits_with_2(place: Path) -> None:
    (place / "page.html").write_text("<html>\n")
    done = run(
        place, "--set", "name=broken", "--set", "raw=page.html", "--flow", "prepare", check=False
    )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        line for line in done.stderr.splitlines() if line.startswith("error: page.html")
    ]
    assert not (place / "data" / "ingested" / "broken").exists()


def test_a_server_sees_runs_states_and_artifacts(
    place: Path, first: subprocess.CompletedProcess[str], server: str
) -> None:
    run(place, "--set", "verify=content", server=server)
    flows = httpx.post(f"{server}/flow_runs/filter", json={}).json()
    assert len(flows) == 4  # rebuild and the three within it
    assert {flow["state"]["type"] for flow in flows} == {"COMPLETED"}
    # A flow within a flow is listed as a task of the outer one too: look at the inner one's alone.
    inner = {"parent_task_run_id": {"is_null_": False}}
    inside = httpx.post(f"{server}/flow_runs/filter", json={"flow_runs": inner}).json()
    within = {"flow_runs": {"id": {"any_": [flow["id"] for flow in inside]}}}
    tasks = httpx.post(f"{server}/task_runs/filter", json=within).json()
    states = {task["name"].rsplit("-", 1)[0]: task["state"]["name"] for task in tasks}
    assert states["ingest"] == states["prepare"] == "Reused"
    assert states["validate"] == "Completed"
    artifacts = httpx.post(f"{server}/artifacts/filter", json={}).json()
    kinds = {artifact["key"]: artifact["type"] for artifact in artifacts}
    assert kinds == {
        "passport-sample": "table",
        "protocol-sample": "markdown",
        "curve-sample-base": "table",
        "curve-sample-basrec": "table",
        "metrics-sample": "table",
        "report-sample": "markdown",
    }
