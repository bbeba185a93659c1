"""A Prefect server and a small prepared folder for the tests that want them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pipeline.config import DataConfig, NeighbourConfig
from pipeline.interactions import ingest
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from pipeline.sample import write_sample
from tests.end_to_end.faults import whole  # noqa: F401  (a fixture)
from tests.prefect_home import prefect_home


def free_port() -> int:
    """Give a port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare the smallest sample that trains: 29 users, 35 items."""
    folder = tmp_path_factory.mktemp("sample")
    config = DataConfig.model_validate({"format": "amazon_2018", "min_count": 3})
    write_sample(folder / "sample.json.gz", 1500, 7)
    ingest([folder / "sample.json.gz"], folder / "ingested", config)
    prepare(folder / "ingested", folder / "prepared", config, None)
    add_neighbours(folder / "prepared", NeighbourConfig(), config.memory, config.threads)
    return folder / "prepared"


@contextmanager
def serving(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start a real Prefect server on loopback; give its process and address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/api"
    environment = os.environ | {
        "PREFECT_HOME": prefect_home(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_API_URL": address,
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(120):
        try:
            if httpx.get(f"{address}/health", timeout=2).status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.5)
    yield process, address
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a real Prefect server and give its address."""
    with serving(tmp_path_factory.mktemp("server")) as (_, address):
        yield address
