"""Say where the time of a training step goes, and how far the limit is.

    python benchmarks/step_profile.py PREPARED OUT.json [--threads 2]

For stage 1 and for stage 2 under both policies of partners' padded slots, with compiled kernels and
without: PyTorch's profiler over some steps, the time by operation, and a roofline: the operations
that matrix products need for the real positions (and for padded slots where they are encoded), at
the speed that this machine reaches on one large product.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from basrec.batches import Batch, draw_batches
from basrec.config import AugmentationConfig, ModelConfig, TrainSection
from basrec.kernels import choose_kernels
from basrec.model import build_recommender
from basrec.negatives import build_sampler
from basrec.objectives import basrec_objective, main_objective
from basrec.prepared import Prepared, read_prepared
from basrec.rivals import Contest
from basrec.rng import generator
from basrec.split import examples_of

STEPS, PAIRS, MIXES, SLOTS = 30, 2, 3, 50
CPU = torch.device("cpu")


def matrix_speed() -> float:
    """Give the operations a second of a large product, the best of five."""
    a, b = torch.randn(2, 2048, 2048)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - started)
    return 2 * 2048**3 / best


def operations_a_row(config: ModelConfig) -> int:
    """Count the operations of the encoder's products for a row, forward and backward."""
    size, inner = config.embedding_size, config.sasrec.inner_size
    forward = 2 * (4 * size * size + 2 * size * inner) * config.sasrec.layers
    return 3 * forward  # the backward pass makes two products for each one


def measure(prepared: Prepared, stage: str, way: str) -> dict[str, Any]:
    """Profile some steps of one stage."""
    config = ModelConfig(dropout=0.1, attention_dropout=0.1)
    kernels = choose_kernels(way, CPU)
    model = build_recommender(prepared.num_items, config, generator(1, "weights"), kernels)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    sampler = build_sampler(prepared, "history", False, CPU)
    contest = Contest.of(TrainSection(), prepared, sampler)
    objective = main_objective(contest)
    if stage != "stage 1":
        options = AugmentationConfig(
            pairs=PAIRS,
            mixes=MIXES,
            choice="random",
            edit="whole",
            partner_padding=stage.split()[-1],
        )
        objective = basrec_objective(prepared, options, contest)
    draws, rows = generator(1, "draws"), 0
    examples = examples_of(prepared, "train")
    stream = (generator(1, "shuffle"), draws)
    batches = draw_batches(prepared, examples, sampler, 256, 1, SLOTS, *stream)

    def step(batch: Batch) -> None:
        losses = objective(model, batch, draws)
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        adam.step()

    for _ in range(5):
        step(next(batches))
    with profile(activities=[ProfilerActivity.CPU]) as told:
        for _ in range(STEPS):
            step(next(batches))
    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        batch = next(batches)
        step(batch)
        seconds.append(time.perf_counter() - started)
        rows += encoded_rows(batch, stage)
    each = sorted(seconds)[STEPS // 2]
    limit = operations_a_row(config) * rows / STEPS / matrix_speed()
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


def encoded_rows(batch: Batch, stage: str) -> int:
    """Count the rows that the encoder sees: originals, edited copies, and padding if asked for."""
    real = len(batch.items)
    if stage == "stage 1":
        return real
    own = SLOTS * len(batch.layout.lengths) if stage.endswith("encode") else real
    return own + 2 * PAIRS * real


def main() -> None:
    """Profile all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    prepared = read_prepared(told.prepared)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    result: dict[str, Any] = {
        "command": "python benchmarks/step_profile.py PREPARED OUT.json",
        "commit": commit.stdout.strip(),
        "threads": told.threads,
        "matrix speed, GFLOP/s": round(matrix_speed() / 1e9, 1),
    }
    for stage in ("stage 1", "stage 2, shared", "stage 2, encode"):
        for way in ("auto", "plain"):
            result[f"{stage}, kernels={way}"] = measure(prepared, stage, way)
    told.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
