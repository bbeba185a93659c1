"""Whole runs of the methods that edit or cut sequences, and what is refused before one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from basrec.augmentation import build_augmenter, check_neighbours
from basrec.batches import Batch
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.files import digest_file
from basrec.model import Recommender
from basrec.prepared import Prepared
from basrec.rivals import Contest
from basrec.rng import generator
from basrec.run_folder import read_history
from basrec.training import train

LOSSES = {
    "sliding_window": {"main"},
    "cmr": {"main", "views"},
    "cmrsi": {"main", "views"},
    "cl4srec": {"main", "contrast"},
}


def run_config(method: str, seed: int) -> TrainConfig:
    values: dict[str, Any] = {
        "method": method,
        "seed": seed,
        "model": {"embedding_size": 8, "max_length": 10},
        "train": {"batch_size": 16, "learning_rate": 0.01, "stage1": {"epochs": 2}},
        "device": "cpu",
    }
    return TrainConfig.model_validate(values)


@pytest.mark.parametrize("method", sorted(LOSSES))
def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    method: str, folder: Path, tmp_path: Path
) -> None:
    digests = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(folder, tmp_path / name, run_config(method, seed))
        digests.append(digest_file(tmp_path / name / "model.safetensors"))
    assert digests[0] == digests[1] != digests[2]
    history = read_history(tmp_path / "a")
    assert [(line["stage"], line["epoch"]) for line in history] == [(1, 1), (1, 2)]
    assert all(set(line["losses"]) == LOSSES[method] for line in history)
    assert history[1]["loss"] < history[0]["loss"]


def test_basrec_without_any_branch_is_refused_and_no_other_method() -> None:
    without = {"augmentation": {"pairs": 0, "mixes": 0}}
    for method in ("base", "cmr", "random"):
        build_augmenter(TrainConfig.model_validate(without | {"method": method})).check()
    with pytest.raises(InputError, match="leave nothing of BASRec; use method base"):
        build_augmenter(TrainConfig.model_validate(without)).check()


@pytest.mark.parametrize("method", ["cmr", "cmrsi", "cl4srec"])
def test_originals_and_views_are_looked_up_and_encoded_in_one_call(
    method: str,
    prepared: Prepared,
    model: Recommender,
    batch_of: Callable[..., Batch],
    contest_of: Callable[..., Contest],
    config_of: Callable[..., TrainConfig],
) -> None:
    calls: list[str] = []
    model.items.register_forward_hook(lambda *_: calls.append("items"))
    model.backbone.register_forward_hook(lambda *_: calls.append("backbone"))
    objective = build_augmenter(config_of(method)).objective(prepared, contest_of())
    objective(model, batch_of(), generator(9, "draws"))
    assert calls == ["items", "backbone"]


@pytest.mark.parametrize("name", ["crop", "insert"])
def test_basrec_refuses_operators_that_change_the_length_in_one_line(
    name: str, config_of: Callable[..., TrainConfig]
) -> None:
    with pytest.raises(InputError, match=f"{name!r} changes the length") as told:
        build_augmenter(config_of("basrec", operators=("reorder", name)))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("method", sorted(LOSSES))
def test_neighbours_are_asked_for_where_they_are_read(
    method: str, config_of: Callable[..., TrainConfig]
) -> None:
    augmenter = build_augmenter(config_of(method))
    check_neighbours(augmenter, True)
    if method != "cmrsi":
        check_neighbours(augmenter, False)
        return
    with pytest.raises(InputError, match=r"neighbours\.parquet is missing"):
        check_neighbours(augmenter, False)
