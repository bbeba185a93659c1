"""Both stages with every causal backbone, on the small prepared folder."""

from pathlib import Path

import pytest

from basrec.config import TrainConfig
from basrec.evaluation import evaluate, read_metrics
from basrec.run_folder import read_history
from basrec.training import train
from tests.basrec.backbones.entries import ENTRIES, make

CAUSAL = [entry for entry in ENTRIES if make(entry).backbone.causal]


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("padding", ["encode", "shared"])
@pytest.mark.parametrize("entry", CAUSAL)
def test_a_run_is_trained_in_both_stages_and_read_back(
    folder: Path, tmp_path: Path, entry: str, padding: str, precision: str
) -> None:
    stage = {"epochs": 2}
    config = TrainConfig.model_validate(
        {
            "model": {"embedding_size": 8, "max_length": 10, **ENTRIES[entry]},
            "train": {"batch_size": 30, "stage1": stage, "stage2": stage, "precision": precision},
            "augmentation": {"partner_padding": padding},
            "device": "cpu",
        }
    )
    run = tmp_path / "run"
    train(folder, run, config)
    assert [line["stage"] for line in read_history(run)] == [1, 1, 2, 2]
    assert evaluate(run, "test") == read_metrics(run)["test"]


@pytest.mark.parametrize("entry", CAUSAL)
def test_training_beats_chance(folder: Path, tmp_path: Path, entry: str) -> None:
    config = TrainConfig.model_validate(
        {
            "method": "base",
            "model": {"embedding_size": 16, "max_length": 10, **ENTRIES[entry]},
            "train": {"batch_size": 16, "learning_rate": 0.01, "stage1": {"epochs": 25}},
            "device": "cpu",
        }
    )
    train(folder, tmp_path / "run", config)
    history = read_history(tmp_path / "run")
    assert max(line["validation"]["HR@10"] for line in history) > 0.5  # chance: 10 / 40
