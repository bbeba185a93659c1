"""Train and rank on a catalogue of a million items, and compare the memory with its plan.

    python benchmarks/catalogue.py WORK OUT.json [--items 1000000] [--users 10000000]

Makes a prepared folder in WORK (lengths 5 to 30, item popularity by Zipf's law), then takes some
steps of stage 1 under each loss that fits, and ranks a part of the users among all items. Peaks are
those of the whole process, so the losses run in order of what they need.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from about import about
from children import peak_mb
from trainer import CPU, Trainer, published

from basrec.kernels import choose_kernels
from basrec.model import build_recommender
from basrec.prepared import Prepared, read_prepared
from basrec.ranking import rank_targets, top_items
from basrec.rng import generator
from basrec.split import examples_of

STEPS, RANKED, USERS_AT_ONCE = 12, 20_000, 1_000_000
TRAIN: dict[str, list[str]] = {
    "bce, 1 negative": ["train.loss=bce"],
    "sampled softmax, 4096 shared": [
        "train.loss=sampled_softmax",
        "train.negatives_from=shared",
        "train.negative_count=4096",
    ],
    "sampled softmax, in batch": ["train.loss=sampled_softmax", "train.negatives_from=batch"],
}


def make_folder(folder: Path, items: int, users: int) -> None:
    """Write sequences as the pipeline promises them, a part of the users at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    share = 1.0 / np.arange(1, items + 1) ** 0.8
    edges = np.cumsum(share / share.sum())
    schema = pa.schema([("user_id", pa.int32()), ("items", pa.list_(pa.int32()))])
    with pq.ParquetWriter(folder / "sequences.parquet", schema) as writer:
        for first in range(0, users, USERS_AT_ONCE):
            count = min(USERS_AT_ONCE, users - first)
            lengths = np.minimum(5 + random.geometric(0.2, count) - 1, 30)
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            drawn = np.searchsorted(edges, random.random(offsets[-1])).astype(np.int32) + 1
            lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.minimum(drawn, items)))
            ids = pa.array(np.arange(first + 1, first + count + 1, dtype=np.int32))
            writer.write_table(pa.table([ids, lists], schema=schema))
    pq.write_table(
        pa.table({"item_id": np.arange(1, items + 1, dtype=np.int32)}), folder / "items.parquet"
    )
    passport = {"protocol": {"split": {"rule": "leave_one_out"}}, "digest": "synthetic"}
    (folder / "passport.json").write_text(json.dumps(passport))


def plan(prepared: Prepared) -> dict[str, float]:
    """Give the memory that training needs by arithmetic, in MiB; see docs/performance.md."""
    users, items, interactions = prepared.num_users, prepared.num_items, len(prepared.items)
    table = 4 * 64 * (items + 2)
    parts = {
        "sequences: items, offsets": 8 * (interactions + users),
        "negatives: keys, first, free": 8 * (interactions + 3 * users),
        "examples: user, start, length": 3 * 8 * users,
        "item table, gradient, Adam's two, best": 5 * table,
        "reading: lists of 4-byte items, twice": 2 * 4 * interactions,
    }
    return {name: round(size / 2**20, 1) for name, size in parts.items()}


def time_steps(trainer: Trainer) -> dict[str, Any]:
    """Take some steps of stage 1; give the median seconds, and what an epoch would come to."""
    seconds, batches = [], trainer.batches()
    for _ in range(STEPS):
        started = time.perf_counter()
        trainer.step(next(batches))
        seconds.append(time.perf_counter() - started)
    step, steps = statistics.median(seconds[2:]), trainer.num_batches
    return {"step": round(step, 4), "steps": steps, "epoch hours": round(step * steps / 3600, 2)}


def time_ranking(prepared: Prepared, ranked: int) -> dict[str, Any]:
    """Rank a part of the users among all items, and give their best 20."""
    config = published("base")
    kernels = choose_kernels("auto", CPU)
    model = build_recommender(prepared.num_items, config.model, generator(1, "weights"), kernels)
    examples = examples_of(prepared, "test").take(slice(0, ranked))
    started = time.perf_counter()
    rank_targets(model, prepared, examples, config.evaluation)
    middle = time.perf_counter()
    top_items(model, prepared, examples, 20, config.evaluation)
    return {
        "users": len(examples),
        "rank": round(middle - started, 2),
        "top 20": round(time.perf_counter() - middle, 2),
    }


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=10_000_000)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ranked", type=int, default=RANKED)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    folder = told.work / f"prepared-{told.items}-{told.users}"
    if not (folder / "passport.json").exists():
        make_folder(folder, told.items, told.users)
    started = time.perf_counter()
    prepared = read_prepared(folder)
    result: dict[str, Any] = about("basrec") | {
        "threads": told.threads,
        "users": prepared.num_users,
        "items": prepared.num_items,
        "interactions": len(prepared.items),
        "batch size": told.batch_size,
        "plan MiB": plan(prepared),
        "reading": {"seconds": round(time.perf_counter() - started, 1), "peak MiB": peak_mb()},
    }
    for name, options in TRAIN.items():
        config = published("base", f"train.batch_size={told.batch_size}", *options)
        result[name] = time_steps(Trainer(prepared, config)) | {"peak MiB": peak_mb()}
        told.out.write_text(json.dumps(result, indent=2) + "\n")
    result["ranking"] = time_ranking(prepared, told.ranked) | {"peak MiB": peak_mb()}
    told.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
