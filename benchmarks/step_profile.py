"""Say where the time of a training step goes, and how far the limit is.

    python benchmarks/step_profile.py PREPARED OUT.json [--threads 2]

For stage 1 and for stage 2 under both policies of partners' padded slots, with compiled kernels and
without: PyTorch's profiler over some steps, the time by operation, and a roofline: the operations
that matrix products need for the real positions (and for padded slots where they are encoded), at
the speed that this machine reaches on one large product.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from about import about
from torch.profiler import ProfilerActivity, profile
from trainer import Trainer, published

from basrec.batches import Batch
from basrec.config import TrainConfig
from basrec.prepared import Prepared, read_prepared

STEPS = 30
STAGES = {
    "stage 1": ("base", "shared"),
    "stage 2, shared": ("basrec", "shared"),
    "stage 2, encode": ("basrec", "encode"),
}


def matrix_speed() -> float:
    """Give the operations a second of a large product, the best of five."""
    a, b = torch.randn(2, 2048, 2048)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - started)
    return 2 * 2048**3 / best


def operations_a_row(config: TrainConfig) -> int:
    """Count the operations of the encoder's products for a row, forward and backward."""
    size, options = config.model.embedding_size, config.model.sasrec
    forward = 2 * (4 * size * size + 2 * size * options.inner_size) * options.layers
    return 3 * forward  # the backward pass makes two products for each one


def measure(prepared: Prepared, stage: str, way: str) -> dict[str, Any]:
    """Profile some steps of one stage."""
    method, policy = STAGES[stage]
    overrides = [f"kernels={way}", f"augmentation.partner_padding={policy}"]
    trainer = Trainer(prepared, published(method, *overrides))
    batches, seconds, rows = trainer.batches(), [], 0
    for _ in range(5):
        trainer.step(next(batches))
    with profile(activities=[ProfilerActivity.CPU]) as told:
        for _ in range(STEPS):
            trainer.step(next(batches))
    for _ in range(STEPS):
        started = time.perf_counter()
        batch = next(batches)
        trainer.step(batch)
        seconds.append(time.perf_counter() - started)
        rows += encoded_rows(batch, trainer.config)
    each = sorted(seconds)[STEPS // 2]
    limit = operations_a_row(trainer.config) * rows / STEPS / matrix_speed()
    events = sorted(told.key_averages(), key=lambda event: -event.self_cpu_time_total)
    whole = sum(event.self_cpu_time_total for event in events)
    return {
        "step ms": round(each * 1e3, 2),
        "rows a step": round(rows / STEPS),
        "limit ms": round(limit * 1e3, 2),
        "times the limit": round(each / limit, 2),
        "share of time": {
            event.key: round(event.self_cpu_time_total / whole, 3) for event in events[:12]
        },
    }


def encoded_rows(batch: Batch, config: TrainConfig) -> int:
    """Count the rows that the encoder sees: originals, edited copies, and padding if asked for."""
    real, augmentation = len(batch.items), config.augmentation
    if config.method == "base":
        return real
    padded = config.model.max_length * len(batch.layout.lengths)
    own = padded if augmentation.partner_padding == "encode" else real
    return own + 2 * augmentation.pairs * real


def main() -> None:
    """Profile all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    prepared = read_prepared(told.prepared)
    result: dict[str, Any] = about("basrec") | {
        "threads": told.threads,
        "matrix speed, GFLOP/s": round(matrix_speed() / 1e9, 1),
    }
    for stage in STAGES:
        for way in ("auto", "plain"):
            result[f"{stage}, kernels={way}"] = measure(prepared, stage, way)
    told.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
