"""Publishing through the command line: the nightly run, a refusal, rollback, and two at once."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.conftest import dense_rows
from tests.flows.calling import BASREC
from tests.flows.test_lock import hold
from tests.prefect_home import prefect_home

CONFIG = """
name: mine
raw: {raw}
methods: [base]
model: {{embedding_size: 8}}
kernels: plain
train: {{negatives: any, threads: 1, stage1: {{epochs: 2}}}}
publish: {{enabled: true, tolerance: 0.2}}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def basrec(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.CompletedProcess[str]]:
    monkeypatch.setenv("PREFECT_HOME", prefect_home(place))
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [*BASREC, *arguments]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return call


Basrec = Callable[..., subprocess.CompletedProcess[str]]


def test_nights(
    place: Path,
    basrec: Basrec,
    write_dump: Callable[..., Path],
    server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    current = place / "data" / "published" / "mine" / "current"
    dump = write_dump(dense_rows(12, 8))
    (place / "mine.yaml").write_text(CONFIG.format(raw=dump))
    first = basrec("run", "mine.yaml")
    assert "publish: version 000001, from data/runs/mine/base-sasrec-paper-seed1" in first.stderr
    run = str(current / "run")
    assert json.loads(basrec("evaluate", run).stdout)["HR@10"] > 0

    # The next night has nothing new: no stage is done again, whatever publishing is told.
    second = basrec("run", "mine.yaml", "--set", "publish.tolerance=0.1").stderr
    assert "publish: this run is version 000001 already" in second
    assert "train base: reused" in second and "ingest: reused" in second

    # Then half of the users are missing.
    write_dump(dense_rows(6, 8))
    monkeypatch.setenv("PREFECT_API_URL", server)
    third = basrec("run", "mine.yaml", code=1)
    assert "NDCG@10" in third.stdout  # all before publishing was done, and is shown
    told = third.stderr.splitlines()[-1]
    assert told.startswith("error: mine: not published: users 6 is 50.0% below the last published")
    assert current.readlink() == Path("000001")
    states = {
        task["name"].rsplit("-", 1)[0]: task["state"]
        for task in httpx.post(f"{server}/task_runs/filter", json={}).json()
    }
    assert states["publish"]["name"] == "Refused" and states["publish"]["type"] == "FAILED"
    flows = httpx.post(f"{server}/flow_runs/filter", json={}).json()
    by_name = {run["flow_id"]: run["state"]["type"] for run in flows}
    assert sorted(by_name.values()) == ["COMPLETED"] * 3 + ["FAILED"] * 2
    assert any("users 6 is 50.0% below" in (run["state"]["message"] or "") for run in flows)
    monkeypatch.delenv("PREFECT_API_URL")

    # It was meant so.
    lax = ("--set", "publish.max_shrink=0.6", "--set", "publish.tolerance=1")
    assert "mine: version 000003" in basrec("publish", "mine.yaml", *lax).stdout
    listed = basrec("publish", "--list").stdout
    assert "current" in listed and "refused" in listed and "data/published/mine" in listed
    back = basrec("publish", "--rollback", "mine").stdout
    assert back == "mine: current is version 000001 again, no longer 000003\n"
    night = basrec("run", "mine.yaml", "--flow", "publish", *lax).stderr
    assert "version 000003, which was rolled back" in night
    assert current.readlink() == Path("000001")

    # Two at once.
    child = hold(place / "data", 600)
    for command in (("run", "mine.yaml"), ("publish", "--rollback", "mine"), ("gc",)):
        held = basrec(*command, code=1).stderr
        assert f"process {child.pid} on" in held and len(held.splitlines()) == 1
    child.kill()
    child.wait()
    assert "nothing to remove" in basrec("gc").stdout
    assert "name a DATASET" in basrec("publish", code=2).stderr
    assert "nothing is published here" in basrec("publish", "--rollback", "other", code=2).stderr
