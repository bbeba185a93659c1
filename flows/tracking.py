"""Log trained runs to MLflow, each once, where the config names a tracking server."""

from importlib import util
from pathlib import Path
from typing import Any

from flows.config import RunConfig
from flows.folders import Folders
from flows.watch_config import TrackingConfig
from pipeline.errors import InputError
from pipeline.files import read_json

KEY = "basrec.key"
"""The tag by which a run is known again."""


def check_tracking(config: TrackingConfig) -> None:
    """Refuse at the start what is not installed.

    Errors: InputError that says what to install.
    """
    if config.mlflow and util.find_spec("mlflow") is None:
        raise InputError("tracking.mlflow: mlflow is not installed; pip install 'basrec[mlflow]'")


def track(config: RunConfig, data: Path) -> None:
    """Log each finished run of the config that the server does not have yet.

    Errors: what MLflow raises.
    """
    if config.tracking.mlflow is None:
        return
    from mlflow.tracking import MlflowClient

    client = MlflowClient(config.tracking.mlflow)
    found = client.get_experiment_by_name(config.name)
    experiment = found.experiment_id if found else client.create_experiment(config.name)
    for method in config.methods:
        folder = Folders(data, config.name).run(config, method)
        key = read_json(folder / "manifest.json")["key"]
        known = client.search_runs([experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
        if not known:
            _log(client, experiment, folder, key)


def _log(client: Any, experiment: str, folder: Path, key: str) -> None:
    """Log one run: config, learning curve, metrics."""
    from basrec.evaluation import read_metrics
    from basrec.presets import flatten
    from basrec.run_folder import read_config, read_history

    run = client.create_run(experiment, run_name=folder.name, tags={KEY: key}).info.run_id
    try:
        for name, value in flatten(read_config(folder)[0].model_dump(mode="json")).items():
            client.log_param(run, name, value)
        for step, line in enumerate(read_history(folder), 1):
            for name, value in (line["validation"] or {}).items():
                client.log_metric(run, f"validation {_allowed(name)} by epoch", value, step=step)
            client.log_metric(run, "loss", line["loss"], step=step)
        for split in ("validation", "test"):
            for name, value in read_metrics(folder).get(split, {}).items():
                client.log_metric(run, f"{split} {_allowed(name)}", value)
    except BaseException:
        client.delete_run(run)  # so that it is logged whole the next time
        raise
    client.set_terminated(run)


def _allowed(name: str) -> str:
    """Write a metric's name in the letters that MLflow allows."""
    return name.replace("@", " at ")
