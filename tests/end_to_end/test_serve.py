"""`basrec serve`, whole: what is deployed, schedules that fire, and an end that leaves nothing."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.serve import read_deployments
from pipeline.sample import write_sample
from tests.end_to_end.conftest import free_port
from tests.flows.calling import BASREC
from tests.prefect_home import prefect_home

SMALL = {
    "dataset": "sample",
    "device": "cpu",
    "kernels": "plain",
    "data": {"min_count": 3},
    "model": {"embedding_size": 8, "sasrec": {"inner_size": 8}},
    "train": {"stage1": {"epochs": 1}, "stage2": {"epochs": 1}},
}


class Serving:
    """One `basrec serve` at work, and what its API says."""

    def __init__(self, process: subprocess.Popen[str], api: str, data: Path) -> None:
        self.process, self.api, self.data = process, api, data

    def ask(self, path: str, body: Any) -> Any:
        return self.answer("POST", path, json=body)

    def answer(self, method: str, path: str, **options: Any) -> Any:
        """Give an answer's JSON; 503 says that the database is at work, so it is asked again."""
        for _ in range(30):
            answer = httpx.request(method, f"{self.api}{path}", timeout=30, **options)
            if answer.status_code != 503:
                break
            time.sleep(1)
        return answer.raise_for_status().json()

    def deployments(self) -> dict[str, Any]:
        """Give the deployments by the flow's function and their name."""
        told = self.ask("/deployments/filter", {})
        return {f"{one['entrypoint'].rsplit('.', 1)[1]}/{one['name']}": one for one in told}

    def removed(self, path: str) -> bool:
        """Remove a thing; false while its database is at work (503)."""
        return httpx.delete(f"{self.api}{path}", timeout=30).status_code in (204, 404)

    def state(self, run: str) -> str:
        return str(self.answer("GET", f"/flow_runs/{run}")["state_name"])

    def runs(self, deployment: str) -> list[Any]:
        only = {"deployment_id": {"any_": [deployment]}}
        return list(self.ask("/flow_runs/filter", {"flow_runs": only}))


@contextmanager
def serving(data: Path) -> Iterator[Serving]:
    """Serve a folder with a small dump in it; give it when everything is deployed."""
    port, log = free_port(), data.with_suffix(".txt")
    environment = {key: value for key, value in os.environ.items() if "PREFECT" not in key}
    if not (data / "raw").exists():
        write_sample(data / "raw" / "sample" / "sample.json.gz", 4000)
        prefect_home(data)
    with log.open("w") as output:
        process = subprocess.Popen(
            [*BASREC, "serve", "--data", str(data), "--port", str(port)],
            cwd=data.parent,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        until(lambda: process.poll() is not None or "serving on" in told(data), 240)
        assert f"serving on http://127.0.0.1:{port}, end with Ctrl-C" in told(data)
        yield Serving(process, f"http://127.0.0.1:{port}/api", data)
    finally:
        process.terminate()
        process.wait(timeout=90)


def until(is_so: Callable[[], Any], seconds: float) -> Any:
    """Wait until something is so, and give it."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()) and time.monotonic() < deadline:
        time.sleep(1)
    return found


def told(data: Path) -> str:
    """Give what the last `basrec serve` of a folder has told."""
    return " ".join(data.with_suffix(".txt").read_text().split())


def pids(data: Path, command: str = "") -> list[int]:
    """Find the processes whose Prefect's home is in this folder, by a part of their command."""
    mine, found = f"PREFECT_HOME={data / 'prefect'}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().replace("\0", " ")
            if mine in (process / "environ").read_bytes().split(b"\0") and command in words:
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serve") / "data") as it:
        yield it


def test_everything_is_deployed_with_schedules_and_forms(served: Serving) -> None:
    found = served.deployments()
    wanted = read_deployments()
    assert {(one["entrypoint"], one["name"]) for one in found.values()} == {
        (one["entrypoint"], one["name"]) for one in wanted
    }
    assert {one["parameters"]["data"] for one in found.values()} == {str(served.data)}
    (nightly,) = found["rebuild_flow/nightly"]["schedules"]
    assert (nightly["active"], nightly["schedule"]["cron"]) == (True, "0 2 * * *")
    assert nightly["schedule"]["timezone"] == "UTC"
    for name in ("beauty", "sports", "home", "yelp"):
        (weekly,) = found[f"prepare_flow/{name}"]["schedules"]
        assert not weekly["active"]
    form = found["rebuild_flow/nightly"]["parameter_openapi_schema"]["properties"]["config"]
    alpha = form["properties"]["augmentation"]["properties"]["alpha"]
    assert alpha["description"] == "Mixing weights are Beta(alpha, alpha). (default: 0.4)"


def test_a_wrong_key_is_refused_when_a_run_is_asked_for(served: Serving) -> None:
    deployment = served.deployments()["rebuild_flow/nightly"]["id"]
    answer = httpx.post(
        f"{served.api}/deployments/{deployment}/create_flow_run",
        json={"parameters": {"config": {"dataset": "sample", "trian": {}}}},
    )
    assert answer.status_code == 409
    assert "'trian' was unexpected" in answer.json()["detail"]


def test_a_cron_schedule_and_one_of_seconds_fire(served: Serving) -> None:
    """The interval's runs are of one deployment that lets one run at a time."""
    found = served.deployments()
    cron, often = (found[name]["id"] for name in ("rebuild_flow/nightly", "prepare_flow/yelp"))
    lock = found["rebuild_flow/nightly"]["parameters"]["config"]["lock"]
    waiting = SMALL | {"lock": lock}  # both are of one data set
    asked = {"active": True, "parameters": {"config": waiting, "data": str(served.data)}}
    every_minute = {"cron": "* * * * *", "timezone": "UTC"}
    made = []
    for deployment, when in ((often, {"interval": 20}), (cron, every_minute)):
        place = f"/deployments/{deployment}/schedules"
        made += [f"{place}/{one['id']}" for one in served.ask(place, [asked | {"schedule": when}])]

    def fired(deployment: str) -> list[Any]:
        runs = served.runs(deployment)
        ended = [run for run in runs if run["auto_scheduled"] and run["end_time"]]
        assert {run["state_name"] for run in ended} <= {"Completed", "Cancelled"}, ended
        return [run for run in ended if run["state_name"] == "Completed"]

    until(lambda: fired(cron) and len(fired(often)) > 1, 300)
    for schedule in made:
        assert until(partial(served.removed, schedule), 60)
    (first, *_) = fired(cron)
    assert first["expected_start_time"].endswith(":00Z")  # on the minute
    assert first["created_by"]["type"] == "SCHEDULE"
    assert len(fired(often)) > 1
    assert (served.data / "runs" / "sample" / "report.html").is_file()
    artifacts = {one["key"]: one for one in served.ask("/artifacts/latest/filter", {})}
    assert artifacts["progress-sample-basrec"]["data"] == 100
    curve = json.loads(artifacts["curve-sample-basrec"]["data"])
    assert [(row["stage"], row["epoch"]) for row in curve] == [(1, 1), (2, 1)]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")
def test_kills_leave_nothing_and_all_goes_on(tmp_path: Path) -> None:
    """The worker's, then the whole service's, asked to end and killed; each in mid-training."""
    data = tmp_path / "data"
    with serving(data) as first:
        run = train_without_end(first)
        (worker,) = pids(data, "worker start")
        os.kill(worker, signal.SIGKILL)
        assert until(lambda: first.state(run) == "Crashed", 120)
        assert until(lambda: not pids(data, "prefect.engine"), 60)  # it leaves by itself
        assert first.process.poll() is None
        run = train_without_end(first)  # so the deployment's one place is free again
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(timeout=90) == 0
        assert pids(data) == []
    assert "the worker ended by itself, with code -9; starting another" in told(data)
    with serving(data) as second:
        assert second.state(run) == "Crashed"
        assert "7 deployments, 0 of them new" in told(data)
        start_inside(second, run)
        run = train_without_end(second)
        second.process.kill()
        assert until(lambda: not pids(data), 120)
    with serving(data) as third:
        assert third.state(run) == "Crashed"
        under_way = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
        assert third.ask("/flow_runs/filter", {"flow_runs": under_way}) == []


def start_inside(served: Serving, ended: str) -> None:
    """Let flows start inside a run that has ended, as where that was asked to end meanwhile."""
    flow = served.ask("/flows/", {"name": "train"})["id"]
    for state in ("PENDING", "CANCELLING"):
        about = {"task_key": "train", "dynamic_key": state, "flow_run_id": ended}
        task = served.ask("/task_runs/", about)["id"]
        run = {"state": {"type": state}, "flow_id": flow, "parent_task_run_id": task}
        served.ask("/flow_runs/", run)


def train_without_end(served: Serving) -> str:
    """Order a run of the nightly deployment, wait until it trains, and give its id."""
    train = {"stage1": {"epochs": 100_000, "patience": 100_000}}
    place = f"/deployments/{served.deployments()['rebuild_flow/nightly']['id']}/create_flow_run"
    config = {"config": SMALL | {"train": train}, "data": str(served.data)}
    order = {"state": {"type": "SCHEDULED"}, "parameters": config}
    run = str(served.ask(place, order)["id"])
    assert until(lambda: served.state(run) == "Running", 120), served.state(run)
    assert until(lambda: list(served.data.glob("runs/sample/*.partial/*")), 120)
    assert pids(served.data, "prefect.engine")
    return run
