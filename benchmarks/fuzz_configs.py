"""Configs as inputs: files of runs, experiments, searches and datasets, and overrides."""

from random import Random
from typing import Any

import yaml
from fuzz_inputs import (
    as_json,
    as_yaml,
    mutate_bytes,
    mutate_value,
    mutated_text,
    random_text,
    random_value,
)
from fuzz_world import EXPERIMENT, NAME, SEARCH, World

import pipeline.datasets
from flows.config import build, parse_overrides, resolve, resolve_values
from flows.data_options import data_values, table_values
from flows.experiment import cells, load_experiment, selected
from flows.run import check_methods, training_config
from flows.search_config import load_search
from pipeline.config import DataConfig
from pipeline.datasets import load_dataset

RUN_FILE: dict[str, Any] = {
    "name": NAME, "dataset": "beauty", "raw": ["a.json", "b/*.gz"], "methods": ["base", "basrec"],
    "preset": "paper", "seed": 3, "device": "cpu", "verify": "stat",
    "data": {"format": "table", "table": {"user": 1, "item": "i", "time": 3}, "min_count": 5,
             "since": "2019-01-01", "split": "last_n", "held_out": 2, "memory": "1GB"},
    "neighbours": {"similarity": "iuf", "top": 5},
    "model": {"backbone": "sasrec", "embedding_size": 8, "max_length": 50, "dropout": 0.1},
    "train": {"batch_size": 8, "stage1": {"epochs": 2, "patience": 3}, "loss": "bce"},
    "augmentation": {"alpha": 0.4, "rate": [0.2, 0.7], "mixup": "nonlinear"},
    "evaluation": {"seen": "mask"},
    "notify": {"on": "always", "command": ["true"], "webhook": "http://127.0.0.1:1/x"},
    "tracking": {"mlflow": "http://127.0.0.1:2"},
    "retry": {"attempts": 2, "wait_seconds": 1.5}, "lock": {"wait_seconds": 0},
    "publish": {"enabled": True, "tolerance": 0.05, "keep": 3, "metrics": ["NDCG@10"]},
}  # fmt: skip
OVERRIDES = (
    *("model.backbone=gru4rec", "model.dropout=0.3", "train.loss=bce", "train.batch_size=64"),
    *("train.stage1.epochs=3", "augmentation.rate=[0.1, 0.5]", "augmentation={alpha: 0.3}"),
    *("evaluation.seen=zero", "evaluation={ties: mean, block_size: 8}", "device=cpu"),
    *("seed=4", "methods=[base, basrec]", "data.since=2019-01-31", "data={min_count: 3}"),
    *("data.table={user: 1, item: i, time: 3}", "notify.webhook=http://127.0.0.1/x", "raw=[a, b]"),
    *("publish.tolerance=0.1", "retry.wait_seconds=1.5", "name=a"),
)


def fuzz_run_file(world: World, random: Random) -> object:
    """Fuzz the config file of a run."""
    file = world.place / "run.yaml"
    part = {key: value for key, value in RUN_FILE.items() if random.random() < 0.7}
    text = as_yaml(random, mutate_value(random, part) if random.random() < 0.5 else part)
    if random.random() < 0.6:
        text = mutated_text(random, part, "yaml", (as_json(RUN_FILE),))
    file.write_bytes(text)
    config = resolve(file, random.choice((None, None, "beauty", "sample")), [])
    check_methods(config)
    return config.model_dump_json()


def fuzz_overrides(world: World, random: Random) -> object:
    """Fuzz `--set KEY=VALUE`, `--only`, `--columns` and what is read like them."""
    words = [override(random) for _ in range(random.randrange(1, 4))]
    kind = random.randrange(5)
    if kind < 2:
        named = random.choice((None, None, "beauty", "sample", random_text(random)))
        return resolve(None, named, ["name=a", *words])
    if kind == 2:
        options = {"method": random.choice((None, "basrec", random_text(random))), "seed": 1}
        return training_config(None, random.choice((None, "fmlp", "")), options, words)
    if kind == 3:
        columns = mutate_bytes(random, b"user=1,item=2,rating=3,time=4").decode("utf-8", "replace")
        table = table_values(columns, None, None, random.choice((None, "\\t", "")), False)
        return build(DataConfig, data_values({"table": table}, words))
    experiment = load_experiment("quick", parse_overrides(words))
    return selected(cells(experiment, world.data), [random.choice((f"seed={words[0]}", words[0]))])


def fuzz_experiment(world: World, random: Random) -> object:
    """Fuzz an experiment file."""
    file = world.place / "experiment.yaml"
    file.write_bytes(mutated_text(random, EXPERIMENT, "yaml", (as_json(EXPERIMENT),)))
    experiment = load_experiment(str(file))
    small = len(experiment.seeds) * len(experiment.variants) * len(experiment.datasets) < 50
    return cells(experiment, world.data) if small else None


def fuzz_search(world: World, random: Random) -> object:
    """Fuzz a search file."""
    file = world.place / "search.yaml"
    file.write_bytes(mutated_text(random, SEARCH, "yaml", (as_json(SEARCH),)))
    search = load_search(file, [override(random)] if random.random() < 0.2 else [])
    return [search.num_trials, search.grid_point(0) if search.sampler == "grid" else None]


def fuzz_dataset(world: World, random: Random) -> object:
    """Fuzz a dataset file, as one that somebody has added."""
    folder = world.place / "configs" / "datasets"
    folder.mkdir(parents=True)
    known = world.seed(pipeline.datasets.configs_folder() / "datasets" / "beauty.yaml")
    (folder / "beauty.yaml").write_bytes(
        mutated_text(random, yaml.safe_load(known), "yaml", (known,))
    )
    kept = pipeline.datasets.configs_folder
    pipeline.datasets.configs_folder = lambda: folder.parent  # type: ignore[assignment]
    try:
        load_dataset("beauty")
        return resolve_values({}, "beauty")
    finally:
        pipeline.datasets.configs_folder = kept


def override(random: Random) -> str:
    """Give the text of one override, half of them known ones that are hardly changed."""
    if random.random() < 0.5:
        text = random.choice(OVERRIDES).encode()
        return (mutate_bytes(random, text) if random.random() < 0.4 else text).decode(
            errors="replace"
        )
    path = random.choice(OVERRIDES).partition("=")[0]
    value = as_json(random_value(random)).decode() if random.random() < 0.6 else random_text(random)
    return f"{path}={value}"
