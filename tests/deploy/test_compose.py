"""What deploy/ promises of the server in containers, as far as its files can show it."""

import re
import shlex
from typing import Any

import pytest
import yaml

from tests.test_layout import ROOT

COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()


def test_only_the_server_is_reached_from_outside_and_on_loopback_alone() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"server": ["127.0.0.1:${PORT:-4200}:4200"]}
    assert not any("network_mode" in service for service in SERVICES.values())


@pytest.mark.parametrize("name", ["database", "server", "worker"])
def test_what_stays_up_tells_its_health_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_each_waits_for_what_it_needs() -> None:
    waits = {
        (name, other): how["condition"]
        for name, service in SERVICES.items()
        for other, how in service.get("depends_on", {}).items()
    }
    assert waits == {
        ("server", "database"): "service_healthy",
        ("deploy", "server"): "service_healthy",
        ("worker", "deploy"): "service_completed_successfully",
    }
    assert SERVICES["deploy"]["restart"] == "no"


def test_what_is_to_last_is_in_named_volumes() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert {mount.split(":")[0] for mount in mounts} == set(COMPOSE["volumes"])


def test_the_password_is_in_no_file_that_git_keeps() -> None:
    told = SERVICES["database"]["environment"]["POSTGRES_PASSWORD"]
    assert re.fullmatch(r"\$\{POSTGRES_PASSWORD:\?.+\}", told)  # without one nothing starts
    address = SERVICES["server"]["environment"]["PREFECT_API_DATABASE_CONNECTION_URL"]
    assert address.startswith("postgresql+asyncpg://prefect:${POSTGRES_PASSWORD}@database:")
    assert "POSTGRES_PASSWORD=\n" in (ROOT / "deploy" / ".env.example").read_text()
    assert "deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_image_copies_what_there_is_and_does_not_run_as_root() -> None:
    copied = [shlex.split(line)[1:-1] for line in DOCKERFILE if line.startswith("COPY")]
    for source in (name for names in copied for name in names):
        assert (ROOT / source).exists(), source
    users = [line.split()[1] for line in DOCKERFILE if line.startswith("USER")]
    assert users == ["basrec"]
    for name in ("server", "deploy", "worker"):
        assert SERVICES[name]["cap_drop"] == ["ALL"] and "user" not in SERVICES[name]
        assert SERVICES[name]["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
