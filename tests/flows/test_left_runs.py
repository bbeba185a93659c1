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
    """Two runs of the pool, one with a flow inside; one that has ended before, and one at work."""
    states = {"outer": "RUNNING", "inner": "PENDING", "other": "PENDING"}
    states |= {"ended": "CRASHED", "late": "PENDING", "terminal": "RUNNING", "in it": "RUNNING"}
    pool, parents = ("outer", "other", "ended"), {"inner": "outer", "late": "ended"}
    parents["in it"] = "terminal"  # of somebody's own process, which is not the pool's
    busy, marked = [True] * 2, []

    def answer(request: httpx.Request) -> httpx.Response:
        if busy and busy.pop():
            return httpx.Response(503)
        body = json.loads(request.content)
        if request.url.path.endswith("/set_state"):
            marked.append(request.url.path.split("/")[-2])
            states[marked[-1]] = body["state"]["type"]
            return httpx.Response(201, json={})
        return httpx.Response(200, json=found(request.url.path, body)[body["offset"] :])

    def found(path: str, body: dict[str, Any]) -> list[dict[str, str]]:
        if path.endswith("/task_runs/filter"):
            tasks = [one.removeprefix("task of ") for one in body["task_runs"]["id"]["any_"]]
            return [{"id": f"task of {one}", "flow_run_id": parents[one]} for one in tasks]
        only = body["flow_runs"]
        runs = [one for one in states if states[one] in only["state"]["type"]["any_"]]
        if "work_pools" in body:
            return [{"id": one} for one in runs if one in pool]
        if "id" in only:
            return [{"id": one} for one in runs if one in only["id"]["any_"]]
        inside = [one for one in runs if one in parents]
        return [{"id": one, "parent_task_run_id": f"task of {one}"} for one in inside]

    client = httpx.Client

    def made_up(**options: Any) -> httpx.Client:
        return client(transport=httpx.MockTransport(answer), **options)

    monkeypatch.setattr(left_runs.httpx, "Client", made_up)
    monkeypatch.setattr(left_runs, "WAITS_SECONDS", (0.0, 0.0, 0.0))
    assert mark_as_crashed("http://server/api", "basrec") == 4
    assert marked == ["late", "other", "outer", "inner"]
    assert (states["terminal"], states["in it"]) == ("RUNNING", "RUNNING")
