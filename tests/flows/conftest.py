"""A data folder to publish from, and what searches are tried with."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import dense_rows
from tests.flows.data_folder import METRICS, change_run, make_data, published
from tests.flows.searching import fake_train, prepared  # noqa: F401  (fixtures)


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare 12 users with 8 items each, and train on them."""
    place = tmp_path_factory.mktemp("made")
    with gzip.open(place / "dump.json.gz", "wt") as out:
        for user, item, day in dense_rows(12, 8):
            row = {"reviewerID": user, "asin": item, "overall": 5.0}
            out.write(json.dumps({**row, "unixReviewTime": 1_300_000_000 + day * 86_400}) + "\n")
    make_data(place / "data", place / "dump.json.gz")
    return place / "data"


@pytest.fixture
def data(made_data: Path, tmp_path: Path) -> Path:
    """Give a copy to work on."""
    shutil.copytree(made_data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def raw(write_dump: Callable[..., Path]) -> Path:
    return write_dump(dense_rows(8, 8))


@pytest.fixture
def twice(data: Path) -> Path:
    """Publish with all metrics 0.5, then train something else."""
    change_run(data, **METRICS)
    assert published(data).version.name == "000001"
    change_run(data, test_MRR_0=0.1)
    return data
