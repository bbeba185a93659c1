"""A small data folder with a prepared dataset and a finished run, and ways to change the run."""

from pathlib import Path
from typing import Any

from basrec.files import digest_file, read_json, write_json
from basrec.training import train
from flows.config import RunConfig, resolve_values
from flows.folders import Folders
from flows.publishing import Published, publish
from pipeline.interactions import ingest
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare

NAME = "mine"
METRICS = {f"{split}_{name}_10": 0.5 for split in ("validation", "test") for name in ("HR", "NDCG")}


def run_config(**publish: Any) -> RunConfig:
    """Give the config of the run that the folder holds."""
    tiny = {"stage1": {"epochs": 1}, "negatives": "any", "threads": 1}
    values = {
        "methods": ["base"],
        "train": tiny,
        "model": {"embedding_size": 8},
        "kernels": "plain",
    }
    return resolve_values({"name": NAME, **values, "publish": publish})


def make_data(data: Path, dump: Path) -> None:
    """Prepare a dump and train the base method on it."""
    folders, config = Folders(data, NAME), run_config()
    ingest([dump], folders.ingested, config.data)
    prepare(folders.ingested, folders.prepared, config.data, None)
    add_neighbours(folders.prepared, config.neighbours, "1GB", 1)
    train(folders.prepared, run_of(data), config.for_method("base"))


def run_of(data: Path) -> Path:
    """Give the folder of the run."""
    return Folders(data, NAME).run(run_config(), "base")


def change_run(data: Path, **metrics: float) -> None:
    """Let the run have come to other metrics, `test_HR_10=...`, as its manifest says too."""
    run = run_of(data)
    told = read_json(run / "metrics.json")
    for key, value in metrics.items():
        split, metric, cut = key.split("_")
        told[split][f"{metric}@{cut}"] = value
    write_json(run / "metrics.json", told)
    record_outputs(run)


def record_outputs(run: Path) -> None:
    """Let a run's manifest tell of its files as they are now."""
    manifest = read_json(run / "manifest.json")
    manifest["outputs"] = {name: digest_file(run / name) for name in manifest["outputs"]}
    write_json(run / "manifest.json", manifest)


def published(data: Path, **options: Any) -> Published:
    """Publish the run under the config that these options give."""
    return publish(run_config(**options), data)
