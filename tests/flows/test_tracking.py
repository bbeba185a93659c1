"""Logging to MLflow: the real package where it is installed, and what is said where it is not."""

import json
from importlib import util
from pathlib import Path

import pytest

from flows.config import RunConfig, resolve
from flows.folders import Folders
from flows.tracking import check_tracking, track
from flows.watch_config import TrackingConfig
from pipeline.errors import InputError


def config_of(place: Path) -> RunConfig:
    tracking = f"tracking.mlflow=sqlite:///{place / 'runs.db'}"
    return resolve(None, None, ["name=mine", "methods=[base]", tracking])


def finished_run(place: Path, key: str) -> None:
    """Write what of a run is logged."""
    from basrec.run_folder import write_config

    config = config_of(place)
    folder = Folders(place, "mine").run(config, "base")
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, config.for_method("base"), place)
    lines = [
        {"stage": 1, "epoch": 1, "loss": 0.75, "validation": None},
        {"stage": 1, "epoch": 2, "loss": 0.5, "validation": {"NDCG@10": 0.25}},
    ]
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "metrics.json").write_text(json.dumps({"test": {"HR@10": 0.125}}))
    (folder / "manifest.json").write_text(json.dumps({"key": key}))


def test_each_run_is_logged_once(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    for key in ("one", "one", "two"):
        finished_run(tmp_path, key)
        track(config_of(tmp_path), tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path / 'runs.db'}")
    experiment = client.get_experiment_by_name("mine")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["basrec.key"] for run in runs) == ["one", "two"]
    run = runs[0]
    assert run.info.status == "FINISHED" and run.info.run_name == "base-sasrec-paper-seed1"
    assert run.data.params["train.batch_size"] == "256"
    assert run.data.metrics["test HR at 10"] == 0.125
    curve = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in curve] == [(1, 0.75), (2, 0.5)]


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'basrec\[mlflow\]'"):
        check_tracking(TrackingConfig(mlflow="sqlite:///x.db"))
    check_tracking(TrackingConfig())


def test_an_address_with_a_password_is_refused() -> None:
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_PASSWORD"):
        TrackingConfig(mlflow="https://me:secret@example.org")
