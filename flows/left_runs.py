"""Runs that a server still shows as under way, though what ran them is gone."""

import time
from typing import Any

import httpx

UNDER_WAY = ["RUNNING", "PENDING", "CANCELLING"]
ENDED = ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"]
TIMEOUT_SECONDS = 60.0
WAITS_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)
Found = list[dict[str, Any]]


def mark_as_crashed(api: str, pool: str) -> int:
    """Mark the pool's runs that are under way, and all inside a run that has ended; count them.

    To be called before the pool's one worker starts: then nothing of the pool can be running.
    A run that is asked to end while it starts a flow inside may end before that flow is heard of.
    Errors: httpx.HTTPError where the server refuses.
    """
    state = {"type": "CRASHED", "name": "Crashed", "message": "Its worker ended before it did."}
    marked: set[str] = set()
    with httpx.Client(base_url=api, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        while left := {*_of_the_pool(client, pool), *_orphans(client)} - marked:
            for one in sorted(left):
                # Not forced, or the run's place among those at once would not be free again.
                _post(client, f"/flow_runs/{one}/set_state", {"state": state})
            marked |= left
    return len(marked)


def _of_the_pool(client: httpx.Client, pool: str) -> list[str]:
    pools = {"work_pools": {"name": {"any_": [pool]}}}
    return [one["id"] for one in _runs(client, UNDER_WAY, {}, pools)]


def _orphans(client: httpx.Client) -> list[str]:
    """Give the ids of the runs under way inside a run that has ended."""
    inside = _runs(client, UNDER_WAY, {"parent_task_run_id": {"is_null_": False}})
    which = {"id": {"any_": [one["parent_task_run_id"] for one in inside]}}
    tasks = _pages(client, "/task_runs/filter", {"task_runs": which}) if inside else []
    parents = {one["id"]: one["flow_run_id"] for one in tasks}
    which = {"id": {"any_": sorted(set(parents.values()))}}
    ended = {one["id"] for one in _runs(client, ENDED, which)} if parents else set()
    return [one["id"] for one in inside if parents.get(one["parent_task_run_id"]) in ended]


def _runs(client: httpx.Client, states: list[str], which: Any, others: Any = None) -> Found:
    only = {"flow_runs": which | {"state": {"type": {"any_": states}}}} | (others or {})
    return _pages(client, "/flow_runs/filter", only)


def _pages(client: httpx.Client, path: str, only: dict[str, Any]) -> Found:
    """Give all that a filter finds; the server gives it by pages."""
    found: Found = []
    while page := _post(client, path, only | {"offset": len(found)}).json():
        found += page
    return found


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    """Post, again and again while the server says that its database is at work."""
    for seconds in WAITS_SECONDS:
        answer = client.post(path, json=body)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(seconds)
    return answer.raise_for_status()
