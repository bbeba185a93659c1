"""Runs left behind, against a server that is made up; end_to_end/test_serve.py has a real one."""

import json
from typing import Any

import httpx
import pytest

from flows import left_runs
from flows.left_runs import mark_as_crashed


def test_what_is_inside_an_ended_run_is_marked_too_and_a_busy_database_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Runs of the pool, one with a flow inside, one ended before; and what is not the pool's."""
    states = {"outer": "RUNNING", "inner": "PENDING", "other": "PENDING", "stopped": "CANCELLING"}
    states |= {"ended": "CRASHED", "late": "PENDING", "terminal": "RUNNING", "in it": "RUNNING"}
    states |= {"elsewhere": "RUNNING", "stuck": "PENDING"}
    pool = ("outer", "other", "ended", "stopped", "stuck")
    parents = {"inner": "outer", "late": "ended"}
    parents["in it"] = "terminal"  # of somebody's own process
    parents["elsewhere"] = "ended"  # which ordered a run of a deployment, of another pool
    busy, marked = [True] * 2, []

    def answer(request: httpx.Request) -> httpx.Response:
        if busy and busy.pop():
            return httpx.Response(503)
        body = json.loads(request.content)
        if request.url.path.endswith("/set_state"):
            run, end = request.url.path.split("/")[-2], body["state"]["type"]
            marked.append(run)
            if run == "stuck" or (states[run] == "CANCELLING" and end != "CANCELLED"):
                return httpx.Response(200, json={"status": "REJECT"})
            states[run] = end
            return httpx.Response(201, json={"status": "ACCEPT"})
        return httpx.Response(200, json=found(request.url.path, body)[body["offset"] :])

    def found(path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        if path.endswith("/task_runs/filter"):
            tasks = [one.removeprefix("task of ") for one in body["task_runs"]["id"]["any_"]]
            return [{"id": f"task of {one}", "flow_run_id": parents[one]} for one in tasks]
        only = body["flow_runs"]
        runs = [one for one in states if states[one] in only["state"]["type"]["any_"]]
        if "work_pools" in body:
            return [about(one) for one in runs if one in pool]
        if "id" in only:
            return [about(one) for one in runs if one in only["id"]["any_"]]
        return [about(one) for one in runs if one in parents]

    def about(run: str) -> dict[str, Any]:
        known = {"id": run, "state_type": states[run], "parent_task_run_id": f"task of {run}"}
        return known | {"deployment_id": "one" if run == "elsewhere" else None}

    client = httpx.Client

    def made_up(**options: Any) -> httpx.Client:
        return client(transport=httpx.MockTransport(answer), **options)

    monkeypatch.setattr(left_runs.httpx, "Client", made_up)
    monkeypatch.setattr(left_runs, "WAITS_SECONDS", (0.0, 0.0, 0.0))
    assert mark_as_crashed("http://server/api", "basrec") == 5
    assert marked == ["outer", "other", "stopped", "stuck", "late", "inner"]
    assert {run for run, state in states.items() if state == "CRASHED"} == {
        *("outer", "other", "ended", "late", "inner")
    }
    assert states["stopped"] == "CANCELLED" and states["stuck"] == "PENDING"
