"""One small data folder with everything in it, and the copy of it that a target works with."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import yaml

from basrec.evaluation import read_metrics
from basrec.training import train
from flows.config import RunConfig, resolve_values
from flows.experiment import load_experiment
from flows.folders import Folders
from flows.json_lines import append_line
from flows.nights import nights_of, standing
from flows.publishing import publish
from flows.search_config import load_search
from flows.search_study import open_study
from pipeline.details import add_details
from pipeline.engine import Engine, open_engine
from pipeline.interactions import ingest
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare

NAME = "mine"
ROWS = [
    (f"user{user}", f"item{item}", 1_300_000_000 + 86_400 * (item + user), 1 + (user + item) % 5)
    for user in range(10)
    for item in range(8)
]
EXPERIMENT: dict[str, Any] = {
    "name": "small",
    "title": "Small",
    "datasets": [NAME],
    "backbones": ["sasrec", "gru4rec"],
    "variants": {
        "Base": {"method": "base"},
        "Ours": {"method": "basrec", "settings": {"augmentation": {"alpha": 0.3}}},
    },
    "seeds": [1, 2],
    "settings": {"train": {"stage1": {"epochs": 2}}},
    "baseline": "Base",
    "published": "table2",
    "metrics": ["HR@10", "NDCG@10"],
}
SEARCH: dict[str, Any] = {
    "name": "small",
    "dataset": "sample",
    "method": "basrec",
    "seeds": [1],
    "settings": {"train": {"stage1": {"epochs": 2}}},
    "space": {"augmentation.alpha": {"low": 0.1, "high": 0.5, "step": 0.1}},
    "sampler": "grid",
    "pruner": {"startup": 1},
}


def config_of() -> RunConfig:
    """Give the config that everything in the folder was made by."""
    return resolve_values(
        {
            "name": NAME,
            "methods": ["base", "basrec"],
            "model": {"embedding_size": 8, "max_length": 6},
            "train": {
                "stage1": {"epochs": 1},
                "stage2": {"epochs": 1},
                "threads": 1,
                "negatives": "any",
            },
            "kernels": "plain",
            "data": {"memory": "512MB", "threads": 1},
        }
    )


@dataclass
class World:
    """What a target works with: the folder of seeds, a copy to damage, and a place for outputs."""

    seeds: Path
    data: Path
    place: Path
    read: dict[Path, bytes] = field(default_factory=dict)
    opened: ExitStack = field(default_factory=ExitStack)
    engines: list[Engine] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """Where a target lets the product write."""
        return self.place / "out"

    @property
    def folders(self) -> Folders:
        """The folders of the copy."""
        return Folders(self.data, NAME)

    def engine(self) -> Engine:
        """Give an engine that is opened once."""
        if not self.engines:
            self.engines.append(self.opened.enter_context(open_engine(self.data, "512MB", 1)))
        return self.engines[0]

    def run(self, method: str = "base") -> Path:
        """Give a run folder of the copy."""
        return self.folders.run(config_of(), method)

    def seed(self, path: Path) -> bytes:
        """Give a seed's bytes."""
        if path not in self.read:
            self.read[path] = path.read_bytes()
        return self.read[path]


Target = Callable[[World, Random], object]


def make_world(data: Path) -> None:
    """Prepare, train, publish, and lay down what a sweep, a search and some nights leave."""
    config, folders = config_of(), Folders(data, NAME)
    data.mkdir(parents=True)
    lines = [
        {"reviewerID": user, "asin": item, "overall": float(rating), "unixReviewTime": time}
        for user, item, time, rating in ROWS
    ]
    _write_lines(data / "dump.json", lines)
    _write_lines(data / "meta.json", [{"asin": f"item{n}", "title": f"<b>{n}"} for n in range(8)])
    ingest([data / "dump.json"], folders.ingested, config.data)
    prepare(folders.ingested, folders.prepared, config.data, None)
    add_neighbours(folders.prepared, config.neighbours, "512MB", 1)
    add_details(folders.prepared, [data / "meta.json"], "512MB", 1)
    runs = [folders.run(config, method) for method in config.methods]
    train(folders.prepared, runs[0], config.for_method("base"))
    train(folders.prepared, runs[1], config.for_method("basrec"), start_from=runs[0])
    publish(config, data)
    publish(config, data, method="base")
    for night in range(3):
        facts = {"time": f"2026-01-0{night + 1}T03:00:00+00:00", "name": NAME, "flow": "rebuild"}
        facts |= {"run": None, "outcome": "done", "seconds": 1.5}
        append_line(nights_of(data, NAME), facts | standing(config, data))
    _make_sweep(data, runs)
    _make_search(data)


def _make_sweep(data: Path, runs: list[Path]) -> None:
    from basrec.results import write_results

    place = data / "sweeps" / "small"
    place.mkdir(parents=True)
    rows = [
        {"experiment": "small", "dataset": NAME, "backbone": "sasrec", "variant": variant}
        | {"method": method, "preset": "paper", "seed": seed, "split": split, "status": "done"}
        | {"run": str(run.relative_to(data)), "key": "k", **read_metrics(run)[split]}
        for variant, method, run in zip(("Base", "Ours"), ("base", "basrec"), runs, strict=True)
        for seed in (1, 2)
        for split in ("validation", "test")
    ]
    write_results(place, rows)
    cell = f"{NAME},sasrec,Base,1"
    (place / "timings.csv").write_text(f"dataset,backbone,variant,seed,seconds\n{cell},1.5\n")
    head = "dataset,backbone,variant,seed,kind,over_training,last_epoch"
    (place / "similarity.csv").write_text(f"{head}\n{cell},mean,0.5,0.6\n")
    (place / "experiment.yaml").write_text(yaml.safe_dump(EXPERIMENT, sort_keys=False))
    load_experiment(str(place / "experiment.yaml"))


def _make_search(data: Path) -> None:
    place = data / "searches" / "small"
    place.mkdir(parents=True)
    (place / "search.yaml").write_text(yaml.safe_dump(SEARCH))
    study = open_study(place, load_search(place / "search.yaml"), {"data": "d"})
    for number in range(2):
        trial = study.ask()
        study.tell(trial, 0.1 * trial.suggest_float("augmentation.alpha", 0.1, 0.5) + number)


def _write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
