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
    Those that were being cancelled are marked as cancelled, since Prefect takes no other end.
    Errors: httpx.HTTPError where the server refuses.
    """
    seen: set[str] = set()
    count = 0
    with httpx.Client(base_url=api, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        while left := [
            one for one in (*_of_the_pool(client, pool), *_orphans(client)) if one["id"] not in seen
        ]:
            seen |= {one["id"] for one in left}
            count += sum(_end(client, one) for one in left)
    return count


def _end(client: httpx.Client, run: dict[str, Any]) -> bool:
    """Let a run have ended; tell whether the server takes it."""
    end = "CANCELLED" if run["state_type"] == "CANCELLING" else "CRASHED"
    state = {"type": end, "name": end.capitalize(), "message": "Its worker ended before it did."}
    # Not forced, or the run's place among those at once would not be free again.
    answer = _post(client, f"/flow_runs/{run['id']}/set_state", {"state": state}).json()
    return bool(answer["status"] == "ACCEPT")


def _of_the_pool(client: httpx.Client, pool: str) -> Found:
    return _runs(client, UNDER_WAY, {}, {"work_pools": {"name": {"any_": [pool]}}})


def _orphans(client: httpx.Client) -> Found:
    """Give the runs under way inside a run that has ended, in whose process they were."""
    found = _runs(client, UNDER_WAY, {"parent_task_run_id": {"is_null_": False}})
    inside = [one for one in found if one["deployment_id"] is None]
    which = {"id": {"any_": [one["parent_task_run_id"] for one in inside]}}
    tasks = _pages(client, "/task_runs/filter", {"task_runs": which}) if inside else []
    parents = {one["id"]: one["flow_run_id"] for one in tasks}
    which = {"id": {"any_": sorted(set(parents.values()))}}
    ended = {one["id"] for one in _runs(client, ENDED, which)} if parents else set()
    return [one for one in inside if parents.get(one["parent_task_run_id"]) in ended]


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
            return answer.raise_for_status()
        time.sleep(seconds)
    return client.post(path, json=body).raise_for_status()
