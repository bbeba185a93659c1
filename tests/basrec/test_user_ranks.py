"""The ranks that every run keeps."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.metrics import metrics_of
from basrec.training import train
from basrec.user_ranks import RANKS, read_ranks


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("ranked") / "run"
    config = {"method": "base", "train": {"stage1": {"epochs": 1}}, "device": "cpu"}
    train(folder, place, TrainConfig.model_validate(config))
    return place


def test_the_metrics_are_computed_from_the_ranks(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    for split in ("validation", "test"):
        ranked = read_ranks(run, split)
        assert ranked is not None
        users, ranks = ranked
        assert metrics_of(torch.from_numpy(ranks.copy())) == metrics[split]
        assert users.tolist() == list(range(1, 61))  # one target a user under leave-one-out


def test_the_file_has_the_promised_columns_and_is_an_output(run: Path) -> None:
    schema = pq.read_schema(run / RANKS)
    assert {field.name: str(field.type) for field in schema} == {
        "split": "string",
        "user_id": "int32",
        "rank": "double",
    }
    assert RANKS in json.loads((run / "manifest.json").read_text())["outputs"]


def test_an_old_run_has_none_and_a_damaged_file_is_told(tmp_path: Path) -> None:
    assert read_ranks(tmp_path, "test") is None
    (tmp_path / RANKS).write_text("no parquet")
    with pytest.raises(InputError, match="train the run anew"):
        read_ranks(tmp_path, "test")
