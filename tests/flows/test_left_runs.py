"""Runs left behind, against a server that is made up; end_to_end/test_serve.py has a real one."""

import json
from typing import Any

import httpx
import pytest

from flows import left_runs
from flows.left_runs import mark_as_crashed


def test_the_flows_inside_are_marked_too_and_a_busy_database_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    under_way = {"outer": None, "inner": "outer", "other": None}  # the parent of each
    busy, marked = [True] * 2, []

    def answer(request: httpx.Request) -> httpx.Response:
        if busy and busy.pop():
            return httpx.Response(503)
        body = json.loads(request.content)
        if request.url.path.endswith("/set_state"):
            marked.append(request.url.path.split("/")[-2])
            assert body["state"]["type"] == "CRASHED"
            return httpx.Response(201, json={})
        parents = body["flow_runs"].get("parent_flow_run_id", {"any_": [None]})["any_"]
        assert ("work_pools" in body) == (parents == [None])
        found = [{"id": run} for run, parent in under_way.items() if parent in parents]
        return httpx.Response(200, json=found[body["offset"] :])

    client = httpx.Client

    def made_up(**options: Any) -> httpx.Client:
        return client(transport=httpx.MockTransport(answer), **options)

    monkeypatch.setattr(left_runs.httpx, "Client", made_up)
    monkeypatch.setattr(left_runs, "WAITS_SECONDS", (0.0, 0.0, 0.0))
    assert mark_as_crashed("http://server/api", "basrec") == 2
    assert marked == ["outer", "other", "inner"]
