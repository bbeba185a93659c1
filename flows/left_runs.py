"""Runs that a server still shows as under way, though what ran them is gone."""

import time
from typing import Any

import httpx

UNDER_WAY = ["RUNNING", "PENDING", "CANCELLING"]
TIMEOUT_SECONDS = 60.0
WAITS_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)


def mark_as_crashed(api: str, pool: str) -> int:
    """Mark the pool's runs that are under way, and the flows inside them; give how many runs.

    To be called before the pool's one worker starts: then nothing of the pool can be running.
    Errors: httpx.HTTPError where the server refuses.
    """
    state = {"type": "CRASHED", "name": "Crashed", "message": "Its worker ended before it did."}
    with httpx.Client(base_url=api, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        pools = {"work_pools": {"name": {"any_": [pool]}}}
        count = len(marking := _under_way(client, {}, pools))
        while marking:
            for one in marking:
                # Not forced, or the run's place among those at once would not be free again.
                _post(client, f"/flow_runs/{one}/set_state", {"state": state})
            marking = _under_way(client, {"parent_flow_run_id": {"any_": marking}}, {})
    return count


def _under_way(client: httpx.Client, runs: dict[str, Any], others: dict[str, Any]) -> list[str]:
    """Give the ids of the runs that a filter finds; the server gives them by pages."""
    only = {"flow_runs": runs | {"state": {"type": {"any_": UNDER_WAY}}}} | others
    found: list[str] = []
    while page := _post(client, "/flow_runs/filter", only | {"offset": len(found)}).json():
        found += [one["id"] for one in page]
    return found


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    """Post, again and again while the server says that its database is at work."""
    for seconds in WAITS_SECONDS:
        answer = client.post(path, json=body)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(seconds)
    return answer.raise_for_status()
