"""Search: who is trained, who is chosen, and what stops it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from basrec.errors import MachineError
from flows.lock import Held, alone
from flows.search import places_of
from flows.search_config import load_search
from flows.search_study import best_first
from pipeline.errors import InputError
from tests.flows.searching import ALPHA, A, B, make, rows, run, told


def test_a_grid_visits_every_point_once(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    seen = fake_train(lambda config: [config.augmentation.alpha])
    space = {ALPHA: [0.2, 0.4], "augmentation.pairs": {"low": 1, "high": 3}}
    outcome = run(make(prepared, space=space, sampler="grid", keep=2), tmp_path)
    visited = [(config.augmentation.alpha, config.augmentation.pairs) for config in seen]
    assert visited[:6] == [(alpha, pairs) for alpha in (0.2, 0.4) for pairs in (1, 2, 3)]
    assert [row["state"] for row in rows(outcome)] == ["finished"] * 6
    assert [row["value"] for row in rows(outcome)] == ["0.2"] * 3 + ["0.4"] * 3
    # Equal values: the earlier is the better. The runs of the two best are kept, no others.
    assert [trial.user_attrs["index"] for trial in best_first(outcome.study)[:2]] == [3, 4]
    kept = {path.name for path in outcome.places.runs.glob("trial-*")}
    assert kept == {"trial-0003", "trial-0004"}
    best = json.loads((outcome.places.folder / "best.json").read_text())
    assert best["parameters"] == {ALPHA: 0.4, "augmentation.pairs": 1}
    assert best["test"]["NDCG@20"] == 0.01
    again = run(make(prepared, space=space, sampler="grid", keep=2), tmp_path)
    assert told(again) == told(outcome)  # a finished search is not made again


def test_the_value_is_the_mean_over_the_seeds(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    fake_train(lambda config: [0.1 * config.seed])
    outcome = run(make(prepared, space={ALPHA: [0.5]}, sampler="grid", seeds=[1, 2]), tmp_path)
    assert rows(outcome)[0]["value"] == str((0.1 + 0.2) / 2)
    best = json.loads((outcome.places.folder / "best.json").read_text())
    assert [run["seed"] for run in best["seeds"]] == [1, 2]
    assert "--seed 2" in best["seeds"][1]["command"]


def test_refused_and_failed_trials_do_not_stop_a_search(prepared: Path, tmp_path: Path) -> None:
    space = {A: [0.1, 0.8], B: [0.7], "train.learning_rate": [1e-3, 1e30]}
    outcome = run(make(prepared, space=space, sampler="grid"), tmp_path)
    first, second, third, fourth = rows(outcome)
    assert first["state"] == "finished"
    assert second["state"] == "failed" and "not finite" in second["told"]
    assert third["state"] == fourth["state"] == "refused"
    assert "the first must not exceed the second" in third["told"]
    only_bad = make(prepared, space={A: [0.8], B: [0.7]}, sampler="grid", name="bad")
    with pytest.raises(InputError, match="no trial of bad was trained to its end"):
        run(only_bad, tmp_path)


def test_a_full_disk_stops_a_search(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    def fail(config: Any) -> list[float]:
        raise MachineError("the disk is full") from OSError(28, "No space left on device")

    fake_train(fail)
    with pytest.raises(MachineError, match="disk is full"):
        run(make(prepared, space={ALPHA: [0.5]}), tmp_path)


def test_two_processes_do_not_share_a_search(prepared: Path, tmp_path: Path) -> None:
    search = make(prepared, space={ALPHA: [0.2]})
    with (
        alone(places_of(search, tmp_path).folder / "lock", "search"),
        pytest.raises(Held, match=f"search {search.name}: process {os.getpid()} .* is at it"),
    ):
        run(search, tmp_path)


def test_a_missing_prepared_folder_is_told_with_what_makes_it(tmp_path: Path) -> None:
    search = load_search(Path("quick"))
    with pytest.raises(InputError, match="basrec run --dataset sample --flow prepare"):
        run(search, tmp_path)
    assert places_of(search, tmp_path).prepared == tmp_path / "prepared" / "sample"
    with pytest.raises(InputError, match="those that come along: paper-grid, quick"):
        load_search(tmp_path / "none.yaml")
