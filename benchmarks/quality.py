"""Compare what ways of training reach on one dataset, over seeds.

    python benchmarks/quality.py KIND PREPARED WORK OUT.json [--seeds 5]

KIND `full` trains to the end by early stopping, once for each policy of partners' padded slots in
POLICIES, stage 1 shared. `equal` trains for EQUAL epochs of each stage, with basrec (preset
reference) and with the plain implementation in peers/published_way.py. `losses` and `precision`
train the base model to the end under each loss, and in float32 and bf16. Each way is compared with
the first. Runs lie in WORK, one thread each; what is finished there is not done again, so a stopped
comparison goes on.
"""

import argparse
import json
import random
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from about import about
from peers import published_way as plain
from scipy import stats
from trainer import published

from basrec.config import TrainConfig
from basrec.training import train

POLICIES = ("shared", "encode")
EQUAL = (12, 3)
LOSSES = {
    "bce": "loss: bce",
    "gbce": "loss: gbce, negatives_from: shared, negative_count: 64",
    "bpr": "loss: bpr",
    "sampled softmax": "loss: sampled_softmax, negatives_from: shared, negative_count: 256",
    "ce": "loss: ce",
}
PRECISIONS = ("float32", "bf16")
METRICS = ("NDCG@10", "HR@10", "NDCG@20", "HR@20")


def full(prepared: Path, work: Path, seed: int) -> dict[str, Any]:
    """Train one seed to the end, under each policy."""
    base, given = work / f"base-{seed}", [f"seed={seed}", "train.stage2.first_validation=1"]
    told = {"stage 1": run(prepared, base, published("base", *given))}
    for policy in POLICIES:
        config = published("basrec", *given, f"augmentation.partner_padding={policy}")
        told[policy] = run(prepared, work / f"{policy}-{seed}", config, base)
    return told


def equal(prepared: Path, work: Path, seed: int) -> dict[str, Any]:
    """Train one seed for so many epochs, by basrec and by the plain implementation."""
    stages = [
        f"train.stage{number}={{epochs: {epochs}, patience: {epochs}, first_validation: {epochs}}}"
        for number, epochs in enumerate(EQUAL, 1)
    ]
    config = published("basrec", f"seed={seed}", *stages)
    ours = run(prepared, work / f"equal-{seed}", config)
    return {"basrec": ours, "plain": run_plain(prepared, work / f"plain-{seed}.json", seed)}


def losses(prepared: Path, work: Path, seed: int) -> dict[str, Any]:
    """Train the base model of one seed to the end, under each loss."""
    return {name: run_base(prepared, work, seed, name, own) for name, own in LOSSES.items()}


def precision(prepared: Path, work: Path, seed: int) -> dict[str, Any]:
    """Train the base model of one seed to the end, in each precision."""
    ways = {name: f"precision: {name}" for name in PRECISIONS}
    return {name: run_base(prepared, work, seed, name, own) for name, own in ways.items()}


def run_base(prepared: Path, work: Path, seed: int, name: str, own: str) -> dict[str, Any]:
    """Train the base model under some options of training."""
    config = published("base", f"seed={seed}", f"train={{{own}}}")
    return run(prepared, work / f"{name.replace(' ', '-')}-{seed}", config)


def run(
    prepared: Path, out: Path, config: TrainConfig, start: Path | None = None
) -> dict[str, Any]:
    """Train, and give the test metrics of both stages, epochs and seconds."""
    manifest = train(prepared, out, config, resume="auto", start_from=start)
    metrics = json.loads((out / "metrics.json").read_text())
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    epochs = [sum(line["stage"] == stage for line in history) for stage in (1, 2)]
    test = {name: metrics["test"][name] for name in METRICS}
    first = metrics.get("stage1", metrics)["test"]
    return {
        "test": test,
        "stage 1": {name: first[name] for name in METRICS},
        "epochs": epochs,
        "seconds": manifest["seconds"],
    }


def run_plain(prepared: Path, out: Path, seed: int) -> dict[str, Any]:
    """Train the plain implementation, and give the same."""
    if out.exists():
        told: dict[str, Any] = json.loads(out.read_text())
        return told
    sequences = pq.read_table(prepared / "sequences.parquet")["items"].to_pylist()
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    started = time.monotonic()
    settings, num_items = plain.Settings(), max(map(max, sequences))
    similar, model = plain.similar_items(sequences), plain.Model(num_items, settings)
    metrics = []
    for stage, epochs in enumerate(EQUAL):
        samples = plain.Samples(sequences, num_items, similar, settings, augmented=stage == 1)
        adam = plain.new_adam(model)
        for _ in range(epochs):
            for sample in plain.batches(samples):
                plain.step(model, adam, sample)
        metrics.append(plain.evaluate(model, sequences, 1))
    told = {
        "test": metrics[1],
        "stage 1": metrics[0],
        "epochs": list(EQUAL),
        "seconds": round(time.monotonic() - started, 1),
    }
    out.write_text(json.dumps(told))
    return told


def compare(runs: list[dict[str, Any]], first: str, second: str, stage: str) -> dict[str, Any]:
    """Set two ways side by side: means, deviations and a paired t-test over the seeds."""
    told: dict[str, Any] = {}
    for name in METRICS:
        one, two = ([seed[way][stage][name] for seed in runs] for way in (first, second))
        told[name] = {
            way: {"mean": statistics.mean(values), "values": values}
            | ({"deviation": statistics.stdev(values)} if len(values) > 1 else {})
            for way, values in ((first, one), (second, two))
        }
        if len(runs) > 1:
            difference = [a - b for a, b in zip(one, two, strict=True)]
            interval = stats.t.interval(
                0.95, len(runs) - 1, statistics.mean(difference), stats.sem(difference)
            )
            told[name]["difference"] = {
                "mean": statistics.mean(difference),
                "95 % interval": [float(bound) for bound in interval],
                "p": float(stats.ttest_rel(one, two).pvalue),
            }
    return told


KINDS = {"full": full, "equal": equal, "losses": losses, "precision": precision}


def main() -> None:
    """Run what the command line names, writing the result after every seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    told = parser.parse_args()
    told.work.mkdir(parents=True, exist_ok=True)
    described = about("basrec")
    runs: list[dict[str, Any]] = []
    for seed in range(1, told.seeds + 1):
        runs.append(KINDS[told.kind](told.prepared, told.work, seed))
        first, *others = (way for way in runs[0] if way != "stage 1")
        result = described | {
            "prepared": json.loads((told.prepared / "passport.json").read_text())["digest"],
            "comparison": {
                f"{first} and {other}, {stage}": compare(runs, first, other, stage)
                for other in others
                for stage in ("stage 1", "test")
                # The ways of `full` share their first stage.
                if not (told.kind == "full" and stage == "stage 1")
            },
            "seeds": runs,
        }
        told.out.write_text(json.dumps(result, indent=2) + "\n")
        print(f"seed {seed} done", flush=True)


if __name__ == "__main__":
    main()
