"""What each option of a training does to the weights, and what a method refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from basrec.errors import InputError
from basrec.evaluation import evaluate
from basrec.run_folder import read_history
from basrec.training import train
from tests.basrec.test_training import config, weights


def test_early_stopping_ends_a_stage_and_keeps_the_best(folder: Path, tmp_path: Path) -> None:
    stage = {"epochs": 200, "patience": 2}
    train(folder, tmp_path / "run", config(method="base", train={"stage1": stage}))
    history = read_history(tmp_path / "run")
    values = [line["validation"]["NDCG@20"] for line in history]
    best = max(range(len(values)), key=values.__getitem__)
    assert len(history) == best + 1 + 2
    assert evaluate(tmp_path / "run", "validation")["NDCG@20"] == values[best]


def test_first_validation_leaves_out_the_epochs_before(folder: Path, tmp_path: Path) -> None:
    stage = {"epochs": 3, "first_validation": 2}
    train(folder, tmp_path / "run", config(method="base", train={"stage1": stage}))
    history = read_history(tmp_path / "run")
    assert [line["validation"] is None for line in history] == [True, False, False]


def test_one_stage_trains_with_the_augmentation_from_the_start(
    folder: Path, tmp_path: Path
) -> None:
    train(folder, tmp_path / "one", config(augmentation={"two_stages": False}))
    history = read_history(tmp_path / "one")
    assert [line["stage"] for line in history] == [1, 1, 1]
    assert all(len(line["losses"]) == 3 for line in history)
    assert "stage1" not in json.loads((tmp_path / "one" / "metrics.json").read_text())


def test_a_branch_that_is_left_out_has_no_loss(folder: Path, tmp_path: Path) -> None:
    for key, gone in (("pairs", "single_sequence"), ("mixes", "cross_sequence")):
        train(folder, tmp_path / key, config(augmentation={key: 0}))
        assert gone not in read_history(tmp_path / key)[-1]["losses"]


def test_what_a_method_does_not_read_is_refused(folder: Path, tmp_path: Path) -> None:
    base = config(method="base")
    train(folder, tmp_path / "base", base)
    with pytest.raises(InputError, match="has no second stage here"):
        train(folder, tmp_path / "x", base, start_from=tmp_path / "base")
    with pytest.raises(InputError, match="reads no generated items"):
        train(folder, tmp_path / "x", base, generated=tmp_path / "base")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"embedding_size": 16}},
        {"model": {"max_length": 4}},
        {"model": {"dropout": 0.5}},
        {"model": {"sasrec": {"attention_dropout": 0.5}}},
        {"model": {"initializer_range": 0.1}},
        {"model": {"extra_ids": True}},
        {"model": {"sasrec": {"layers": 1}}},
        {"model": {"sasrec": {"heads": 1}}},
        {"model": {"sasrec": {"inner_size": 16}}},
        {"train": {"learning_rate": 0.02}},
        {"train": {"batch_size": 15}},
        {"train": {"negatives": "train"}},
        {"train": {"negatives": "any"}},
        {"train": {"stage1": {"epochs": 2}}},
        {"train": {"stage2": {"epochs": 1}}},
        {"train": {"negatives_from": "shared"}},
        {"train": {"negatives_from": "batch"}},
        {"train": {"negative_count": 2}},
        {"train": {"loss": "gbce"}},
        {"train": {"loss": "bpr"}},
        {"train": {"loss": "sampled_softmax"}},
        {"train": {"loss": "ce"}},
        {"train": {"precision": "bf16"}},
        {"kernels": "plain"},
        {"method": "base"},
        {"augmentation": {"alpha": 0.9}},
    ],
)
def test_every_option_changes_the_weights(
    folder: Path, tmp_path: Path, change: dict[str, Any], default_weights: str
) -> None:
    train(folder, tmp_path / "run", config(**change))
    assert weights(tmp_path / "run") != default_weights


@pytest.fixture(scope="module")
def default_weights(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    run = tmp_path_factory.mktemp("default") / "run"
    train(folder, run, config())
    return weights(run)
