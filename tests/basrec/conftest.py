"""A small prepared folder, written the way the pipeline promises it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from basrec.config import TrainConfig
from basrec.evaluation import read_metrics
from basrec.prepared import Prepared, read_prepared
from basrec.training import train


def write_prepared(folder: Path, sequences: list[list[int]], neighbours: dict[int, int]) -> Path:
    """Write sequences and first neighbours as a prepared folder."""
    folder.mkdir(parents=True, exist_ok=True)
    num_items = max(max(sequence) for sequence in sequences if sequence)
    users = pa.array(range(1, len(sequences) + 1), pa.int32())
    lists = pa.array(sequences, pa.list_(pa.int32()))
    pq.write_table(pa.table({"user_id": users, "items": lists}), folder / "sequences.parquet")
    ids = pa.array(range(1, num_items + 1), pa.int32())
    names = pa.array([f"item {number}" for number in range(1, num_items + 1)])
    pq.write_table(pa.table({"item_id": ids, "item": names}), folder / "items.parquet")
    table = pa.table(
        {
            "item_id": pa.array(list(neighbours), pa.int32()),
            "rank": pa.array([1] * len(neighbours), pa.int16()),
            "neighbour_id": pa.array(list(neighbours.values()), pa.int32()),
            "similarity": pa.array([0.5] * len(neighbours), pa.float32()),
        }
    )
    pq.write_table(table, folder / "neighbours.parquet")
    passport = {"protocol": {"split": {"rule": "leave_one_out"}}}
    (folder / "passport.json").write_text(json.dumps(passport))
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 users, 40 items, lengths 5 to 20; item i is often followed by i + 1."""
    random = np.random.default_rng(3)
    sequences = []
    for _ in range(60):
        steps = random.choice([1, 1, 1, 7], size=int(random.integers(5, 21)))
        sequences.append(((random.integers(40) + np.cumsum(steps)) % 40 + 1).tolist())
    sequences[0], sequences[1] = list(range(1, 21)), list(range(21, 41))  # all items appear
    neighbours = {item: item % 40 + 1 for item in range(1, 39)}
    return write_prepared(tmp_path_factory.mktemp("prepared"), sequences, neighbours)


@pytest.fixture(scope="session")
def prepared(folder: Path) -> Prepared:
    """Read the small prepared folder."""
    return read_prepared(folder)


VARIANTS: dict[str, dict[str, Any]] = {
    "Base": {"method": "base"},
    "BASRec": {"method": "basrec"},
    "alpha 0.2": {"method": "basrec", "augmentation": {"alpha": 0.2}},
}
SEEDS = (1, 2, 3)


def train_cell(folder: Path, run: Path, variant: str, seed: int) -> dict[str, Any]:
    """Train a tiny cell and give its metrics."""
    values: dict[str, Any] = {
        "seed": seed,
        "device": "cpu",
        "model": {"embedding_size": 8, "max_length": 10},
        "train": {
            "batch_size": 16,
            "learning_rate": 0.01,
            "stage1": {"epochs": 2},
            "stage2": {"epochs": 2},
        },
        **VARIANTS[variant],
    }
    train(folder, run, TrainConfig.model_validate(values))
    return read_metrics(run)


@pytest.fixture(scope="session")
def sweep(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a sweep of tiny runs: three variants, three seeds; one cell has failed."""
    data = tmp_path_factory.mktemp("data")
    place = data / "sweeps" / "tiny"
    place.mkdir(parents=True)
    columns = "seconds,seconds_per_epoch_stage1,seconds_per_epoch_stage2,peak_memory_mib"
    rows, times = [], [f"dataset,backbone,variant,seed,{columns}"]
    similar = ["dataset,backbone,variant,seed,kind,over_training,last_epoch"]
    for variant in VARIANTS:
        for seed in SEEDS:
            cell = {"experiment": "tiny", "dataset": "beauty", "backbone": "sasrec"}
            cell |= {"variant": variant, "method": VARIANTS[variant]["method"], "seed": seed}
            cell |= {"preset": "paper", "status": "failed", "message": "out of memory <here>"}
            if (variant, seed) == ("alpha 0.2", 3):
                rows += [cell | {"split": split} for split in ("validation", "test")]
                continue
            run = f"runs/beauty/{variant}-{seed}"
            metrics = train_cell(folder, data / run, variant, seed)
            cell |= {"status": "done", "message": None, "run": run}
            rows += [cell | {"split": s, **metrics[s]} for s in ("validation", "test")]
            times.append(f"beauty,sasrec,{variant},{seed},{1.5 * seed},0.25,,100.5")
            if variant == "BASRec":
                told = (f"single_sequence,0.{seed}", f"cross_sequence,0.{seed + 4}")
                similar += [f"beauty,sasrec,{variant},{seed},{one},0.9" for one in told]
                similar += [f"beauty,sasrec,{variant},{seed},mean,0.{seed + 2},0.9"]
    write_sweep_files(place, rows)
    (place / "timings.csv").write_text("\n".join(times) + "\n")
    (place / "similarity.csv").write_text("\n".join(similar) + "\n")
    return place


def write_sweep_files(place: Path, rows: list[dict[str, Any]], **stated: Any) -> None:
    """Write results.parquet and experiment.yaml as a sweep leaves them."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    pq.write_table(pa.table(columns), place / "results.parquet")
    experiment = {
        "name": "tiny",
        "title": "Tiny & <quick>",
        "datasets": ["beauty"],
        "backbones": ["sasrec"],
        "variants": VARIANTS,
        "seeds": list(SEEDS),
        "baseline": "Base",
        "published": "table2",
        "metrics": ["NDCG@10", "HR@10"],
    }
    (place / "experiment.yaml").write_text(yaml.safe_dump(experiment | stated, sort_keys=False))
