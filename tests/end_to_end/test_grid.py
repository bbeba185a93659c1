"""Every backbone with every method: two epochs on a small dataset, from end to end.

It is a real one (shared data) where that is at hand, or the embedded sample, which is made up.
"""

import json
import math
from itertools import product
from pathlib import Path

import pytest

from basrec.augmentation import AUGMENTERS, build_augmenter
from basrec.backbones import BACKBONES
from basrec.config import TrainConfig
from basrec.evaluation import evaluate
from basrec.run_folder import read_history
from basrec.training import train
from pipeline.config import DataConfig, NeighbourConfig
from pipeline.interactions import ingest
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from pipeline.sample import write_sample
from tests.conftest import SHARED

MAGAZINES = SHARED / "data" / "raw" / "Magazine_Subscriptions.csv.gz"
SIZES = {
    "embedding_size": 16,
    "max_length": 20,
    "sasrec": {"inner_size": 32},
    "gru4rec": {"hidden_size": 32},
    "fmlp": {"inner_size": 32},
}
SHORT = {
    "prior": {"count": 4, "shorter_than": "all"},
    "asrep": {"epochs": 2},
    "diffuasr": {"epochs": 2, "steps": 20, "sample_steps": 5},
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare a complete real dump (326 users), or the embedded sample where it is missing."""
    work = tmp_path_factory.mktemp("grid")
    raw, settings = MAGAZINES, {"format": "amazon_ratings_2018"}
    if not raw.exists():
        raw = work / "sample.json.gz"
        write_sample(raw, 12_000, 7)
        settings = {"format": "amazon_2018", "min_count": 4}
    config = DataConfig.model_validate(settings)
    ingest([raw], work / "ingested", config)
    prepare(work / "ingested", work / "prepared", config, None)
    add_neighbours(work / "prepared", NeighbourConfig(), config.memory, config.threads)
    return work / "prepared"


@pytest.mark.parametrize(("backbone", "method"), list(product(BACKBONES, AUGMENTERS)))
def test_any_method_trains_any_backbone(
    small: Path, tmp_path: Path, backbone: str, method: str
) -> None:
    two = {"epochs": 2}
    config = TrainConfig.model_validate(
        {
            "method": method,
            "model": {"backbone": backbone, **SIZES},
            "train": {"batch_size": 128, "stage1": two, "stage2": two},
            "augmentation": SHORT,
            "device": "cpu",
        }
    )
    train(small, tmp_path / "run", config)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    history = read_history(tmp_path / "run")
    augmenter = build_augmenter(config)
    assert [line["epoch"] for line in history] == [1, 2] * (1 + augmenter.two_stages)
    assert all(math.isfinite(value) for line in history for value in line["losses"].values())
    assert evaluate(tmp_path / "run") == metrics["test"]
    assert 0 < metrics["test"]["MRR"] < 1
    assert (tmp_path / "run" / "generated").exists() == augmenter.has_prior
