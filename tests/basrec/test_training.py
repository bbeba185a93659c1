"""Whole runs on the small prepared folder."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from basrec import checkpoint, stages
from basrec.config import EvaluationConfig, TrainConfig
from basrec.errors import InputError, MachineError
from basrec.evaluation import evaluate
from basrec.files import digest_file
from basrec.run_folder import read_history
from basrec.training import train


def config(**sections: Any) -> TrainConfig:
    values: dict[str, Any] = {
        "model": {"embedding_size": 8, "max_length": 10},
        "train": {
            "batch_size": 16,
            "learning_rate": 0.01,
            "stage1": {"epochs": 3},
            "stage2": {"epochs": 2},
            "checkpoint_seconds": 0,
        },
        "device": "cpu",
    }
    for name, value in sections.items():
        values[name] = {**values[name], **value} if isinstance(values.get(name), dict) else value
    return TrainConfig.model_validate(values)


def weights(run: Path) -> str:
    return digest_file(run / "model.safetensors")


def test_a_run_folder_holds_what_is_promised(folder: Path, tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    train(folder, tmp_path / "run", config(), on_epoch=lines.append)
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {
        "config.yaml",
        "metrics.json",
        "ranks.parquet",
        "history.jsonl",
        "model.safetensors",
        "checkpoint.pt",
        "environment.json",
        "manifest.json",
    }
    metrics = json.loads((run / "metrics.json").read_text())
    names = {f"{metric}@{k}" for metric in ("HR", "NDCG") for k in (5, 10, 20)} | {"MRR"}
    assert set(metrics["test"]) == set(metrics["validation"]) == names
    assert set(metrics["stage1"]) == {"validation", "test"}
    assert metrics["users"] == {"validation": 60, "test": 60}
    assert [(line["stage"], line["epoch"]) for line in lines] == [
        (1, 1), (1, 2), (1, 3), (2, 1), (2, 2)
    ]  # fmt: skip
    assert set(lines[-1]["losses"]) == {"main", "single_sequence", "cross_sequence"}
    assert yaml.safe_load((run / "config.yaml").read_text())["train"]["stage1"]["epochs"] == 3
    assert evaluate(run, "test") == metrics["test"]
    other = evaluate(run, "test", rules=EvaluationConfig(seen="keep"))
    assert other != metrics["test"]  # the user's own items rank too now
    assert not (tmp_path / "run.partial").exists()


def test_training_lowers_the_loss_and_beats_chance(folder: Path, tmp_path: Path) -> None:
    settings = config(method="base", train={"stage1": {"epochs": 30, "patience": 30}})
    train(folder, tmp_path / "run", settings)
    history = read_history(tmp_path / "run")
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert max(line["validation"]["HR@10"] for line in history) > 0.5  # chance: 10 / 40


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    folder: Path, tmp_path: Path
) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(folder, tmp_path / name, config(seed=seed))
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


def test_a_finished_run_is_reused_until_config_or_outputs_change(
    folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert train(folder, run, config())["reused"] is False
    assert train(folder, run, config())["reused"] is True
    assert train(folder, run, config(train={"batch_size": 20}))["reused"] is False
    (run / "metrics.json").write_text("{}")
    assert train(folder, run, config(train={"batch_size": 20}))["reused"] is False
    assert json.loads((run / "metrics.json").read_text())["test"]


class Killed(BaseException):
    """Stands for a kill: nothing in the code under test catches it."""


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_killed_run_resumes_to_the_same_weights(folder: Path, tmp_path: Path, at: int) -> None:
    train(folder, tmp_path / "whole", config())
    seen: list[dict[str, Any]] = []

    def kill(line: dict[str, Any]) -> None:
        seen.append(line)
        if len(seen) == at:
            raise Killed

    with pytest.raises(Killed):
        train(folder, tmp_path / "run", config(), on_epoch=kill)
    assert not (tmp_path / "run").exists()
    train(folder, tmp_path / "run", config(), resume=True, on_epoch=seen.append)
    assert len(seen) == 5  # what was done before the kill is not done again
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    histories = [read_history(tmp_path / name) for name in ("run", "whole")]
    for history in histories:
        for line in history:
            line.pop("seconds")
    assert histories[0] == histories[1]


def test_a_kill_between_the_renames_at_the_end_loses_no_run(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(folder, run, config(method="base"))
    run.rename(tmp_path / "run.old")

    def kill(line: dict[str, Any]) -> None:
        raise Killed

    with pytest.raises(Killed):
        train(folder, run, config(method="base", seed=2), on_epoch=kill)
    assert train(folder, run, config(method="base"))["reused"] is True


def test_start_from_a_base_run_equals_training_both_stages(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "both", config())
    train(folder, tmp_path / "base", config(method="base"))
    train(folder, tmp_path / "second", config(), start_from=tmp_path / "base")
    assert weights(tmp_path / "second") == weights(tmp_path / "both")
    assert len(read_history(tmp_path / "second")) == 5
    both, second = (
        json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("both", "second")
    )
    assert both == second


def test_start_from_another_seed_is_refused(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "base", config(method="base", seed=5))
    with pytest.raises(InputError, match="not a finished base run with this config"):
        train(folder, tmp_path / "run", config(), start_from=tmp_path / "base")


def test_a_place_that_is_no_run_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="not empty and not a run folder"):
        train(folder, tmp_path / "run", config())
    assert (tmp_path / "run" / "thesis.tex").read_text() == "precious"


def test_a_damaged_checkpoint_is_refused(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "run.partial"
    work.mkdir()
    (work / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="damaged checkpoint"):
        train(folder, tmp_path / "run", config(), resume=True)


def test_a_full_disk_is_the_machine_s_fault(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(MachineError, match="could not be written"):
        train(folder, tmp_path / "run", config())
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_stops_the_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages.math, "isfinite", lambda value: False)
    with pytest.raises(MachineError, match="not finite in stage 1, epoch 1"):
        train(folder, tmp_path / "run", config())


def test_substitute_without_neighbours_and_unknown_operators_are_errors(
    folder: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(folder, bare)
    (bare / "neighbours.parquet").unlink()
    with pytest.raises(InputError, match="'basrec neighbours' on the prepared folder"):
        train(bare, tmp_path / "run", config())
    train(bare, tmp_path / "run", config(augmentation={"operators": ["reorder"]}))
    with pytest.raises(InputError, match=r"'swap' is not known; known: .*reorder, substitute"):
        train(folder, tmp_path / "other", config(augmentation={"operators": ["swap"]}))


def test_a_missing_prepared_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sequences\.parquet: no such file"):
        train(tmp_path / "nowhere", tmp_path / "run", config())


def test_a_model_that_diverges_is_told_and_leaves_no_run(folder: Path, tmp_path: Path) -> None:
    settings = config(
        method="base", train={"learning_rate": 1e30, "batch_size": 64, "stage1": {"epochs": 1}}
    )
    with pytest.raises(MachineError, match="the model has diverged"):
        train(folder, tmp_path / "run", settings)
    assert not (tmp_path / "run").exists()


def test_too_little_memory_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"out of memory; lower train\.batch_size"):
        train(folder, tmp_path / "run", config(train={"negative_count": 10**12}))
    assert not (tmp_path / "run").exists()
