"""What prefect.yaml says, against the flows that it names."""

from typing import Any

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

from flows.serve import POOL, read_deployments
from tests.test_layout import ROOT

DEPLOYMENTS = {f"{one['entrypoint']}/{one['name']}": one for one in read_deployments()}


def test_it_is_the_file_at_the_top() -> None:
    assert yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"] == read_deployments()


def test_every_flow_that_is_to_be_deployed_is_there_once() -> None:
    told = [name.removeprefix("flows.").split(".", 1)[1] for name in DEPLOYMENTS]
    assert sorted(told) == [
        *(f"prepare_flow/{name}" for name in ("beauty", "home", "sports", "yelp")),
        "rebuild_flow/nightly",
        "sweep_flow/manual",
        "train_flow/manual",
    ]
    assert len(told) == len(read_deployments())


@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_entrypoint_parameters_pool_and_limit_hold(deployment: dict[str, Any]) -> None:
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    told = flow.validate_parameters({**deployment["parameters"], "data": "/anywhere"})
    assert set(told) == set(flow.parameters.properties)
    if "config" in told:
        assert told["config"].lock.wait_seconds == 4 * 3600
    assert deployment["work_pool"]["name"] == POOL
    assert deployment["concurrency_limit"]["limit"] == 1
    for schedule in deployment["schedules"]:
        assert schedule["timezone"] == "UTC"
        assert schedule.get("active", True) == (deployment["name"] == "nightly")
