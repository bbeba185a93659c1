"""Stages as tasks of a real Prefect: tried again, timed out, logged, told of."""

import errno
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.states import Failed, State
from prefect.testing.utilities import prefect_test_harness

from flows.config import RunConfig, resolve
from flows.json_lines import read_lines
from flows.night import watched_flow
from flows.stage import stage
from pipeline.errors import InputError, MachineError


@pytest.fixture(scope="module", autouse=True)
def prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


def run(body: Callable[[], Any], data: Path, *sets: str) -> list[dict[str, Any]]:
    """Run a flow of one stage with this body; give its log."""

    @stage("shaky")
    def shaky(config: RunConfig, method: str, data: Path) -> Any:
        return body()

    @flow(name="shaky", validate_parameters=False)
    @watched_flow
    def shaky_flow(config: RunConfig, data: Path = Path("data")) -> None:
        done = shaky(config, "base", data)
        if isinstance(done, State):
            done.result()  # raises what a failed one holds

    config = resolve(None, "sample", ["retry.wait_seconds=0", *sets])
    try:
        shaky_flow(config, data)
    finally:
        (data / "log.json").write_text(json.dumps(read_lines(data / "logs" / "sample.jsonl")))
    return json.loads((data / "log.json").read_text())


def log(data: Path) -> list[dict[str, Any]]:
    return json.loads((data / "log.json").read_text())


def failing(times: int, exc: BaseException) -> Callable[[], Any]:
    left = [exc] * times

    def body() -> Any:
        if left:
            raise left.pop()
        return {"reused": False, "rows": {"users": 7}}

    return body


def test_a_passing_fault_is_tried_again_and_every_attempt_logged(tmp_path: Path) -> None:
    lines = run(failing(2, OSError(errno.EIO, "Input/output error")), tmp_path)
    assert [line["outcome"] for line in lines] == ["failed", "failed", "done"]
    assert len({line["run"] for line in lines}) == 1
    last = lines[-1]
    assert (last["stage"], last["method"], last["flow"]) == ("shaky", "base", "shaky")
    assert last["rows"] == {"users": 7} and last["reused"] is False
    assert last["seconds"] >= 0 and last["peak_memory_mib"] > 10
    assert "Input/output error" in lines[0]["error"]


def test_attempts_end(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        run(failing(9, OSError(errno.EIO, "x")), tmp_path, "retry.attempts=2")
    assert len(log(tmp_path)) == 2


def told_of(body: Callable[[], Any], data: Path) -> dict[str, Any]:
    """Give what a hook is told of a run with this body, which ends by an error."""
    told = data / "told.json"
    script = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(sys.stdin.read())"
    command = json.dumps([sys.executable, "-c", script])
    with pytest.raises(BaseException):  # noqa: B017 - whatever Prefect makes of it
        run(body, data, f"notify.command={command}")
    return json.loads(told.read_text())


def test_wrong_input_is_not_tried_again_and_is_told(tmp_path: Path) -> None:
    facts = told_of(failing(9, InputError("x: no such file")), tmp_path)
    assert len(log(tmp_path)) == 1
    assert (facts["outcome"], facts["stage"], facts["name"]) == ("failed", "shaky", "sample")
    assert facts["error"] == "x: no such file" and facts["run"] == log(tmp_path)[0]["run"]


def test_a_refusal_names_its_stage(tmp_path: Path) -> None:
    refusal = Failed(name="Refused", message="worse", data=MachineError("worse"))
    facts = told_of(lambda: refusal, tmp_path)
    assert (facts["outcome"], facts["stage"], facts["error"]) == ("failed", "shaky", "worse")


def test_a_process_that_leaves_has_failed_and_is_told_of(tmp_path: Path) -> None:
    facts = told_of(failing(9, SystemExit(1)), tmp_path)
    assert (facts["outcome"], facts["error"]) == ("failed", "the process left with exit code 1")


def test_a_good_end_is_told_only_where_asked(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    script = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(sys.stdin.read())"
    command = f"notify.command={json.dumps([sys.executable, '-c', script])}"
    run(lambda: None, tmp_path, command)
    assert not told.exists()
    run(lambda: None, tmp_path, command, "notify.on=always")
    assert json.loads(told.read_text())["outcome"] == "done"


def test_a_failing_hook_does_not_change_the_outcome(tmp_path: Path) -> None:
    command = "notify.command=[/no/such/program]"
    lines = run(lambda: None, tmp_path, command, "notify.on=always")
    assert lines[-1]["outcome"] == "done"


def test_a_stage_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"shaky: took longer than retry.timeout_seconds, 0.5 s"):
        run(lambda: time.sleep(30), tmp_path, "retry.timeout_seconds=0.5", "retry.attempts=2")
    assert len(log(tmp_path)) == 2 and log(tmp_path)[0]["seconds"] < 20
