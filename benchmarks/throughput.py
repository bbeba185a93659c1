"""Find how many runs at once make the most of this machine: steps a second of all runs together.

    python benchmarks/throughput.py PREPARED OUT.json [--rounds 5] [--seconds 20]

Each run is a process that takes steps of stage 2 (preset paper, two pairs, three mixes) until the
time is over. The settings (runs x threads) take turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from basrec.batches import draw_batches
from basrec.config import AugmentationConfig, ModelConfig, TrainSection
from basrec.kernels import choose_kernels
from basrec.model import build_recommender
from basrec.negatives import build_sampler
from basrec.objectives import basrec_objective
from basrec.prepared import read_prepared
from basrec.rivals import Contest
from basrec.rng import generator
from basrec.split import examples_of

CPU = torch.device("cpu")
WARM_UP = 10


def work(folder: Path, threads: int, begin: float, seconds: float) -> int:
    """Take steps from one moment (Unix seconds) to another, and give how many."""
    torch.set_num_threads(threads)
    prepared = read_prepared(folder)
    sampler = build_sampler(prepared, "history", False, CPU)
    contest = Contest.of(TrainSection(), prepared, sampler)
    objective = basrec_objective(prepared, AugmentationConfig(pairs=2, mixes=3), contest)
    kernels = choose_kernels("auto", CPU)
    weights = generator(1, "weights")
    model = build_recommender(prepared.num_items, ModelConfig(), weights, kernels)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    examples, draws, steps = examples_of(prepared, "train"), generator(1, "draws"), 0
    for epoch in range(1_000_000):
        shuffle = generator(1, "shuffle", 2, epoch)
        for batch in draw_batches(prepared, examples, sampler, 256, 1, 50, shuffle, draws):
            losses = objective(model, batch, draws)
            adam.zero_grad(set_to_none=True)
            torch.autograd.backward(torch.stack(list(losses.values())).sum())
            adam.step()
            if time.time() < begin:
                continue  # warming up, and waiting for the others
            if time.time() > begin + seconds:
                return steps
            steps += 1
    raise AssertionError("no end")


def together(args: argparse.Namespace, runs: int, threads: int) -> float:
    """Start some runs at once and give their steps a second."""
    command = [sys.executable, __file__, str(args.prepared), "-", "--child", str(threads)]
    command += ["--begin", str(time.time() + WARM_UP), "--seconds", str(args.seconds)]
    env = os.environ | {"OMP_NUM_THREADS": str(threads)}
    children = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(runs)
    ]
    return sum(int(child.communicate()[0]) for child in children) / float(args.seconds)


def main() -> None:
    """Measure every setting that fills the machine, and one more run than that."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--begin", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(work(args.prepared, args.child, args.begin, args.seconds))
        return
    cores = os.cpu_count() or 1
    settings = [(1, 1), (1, cores), (cores, 1), (2 * cores, 1)]
    told: dict[str, list[float]] = {f"{runs} x {threads}": [] for runs, threads in settings}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    for _ in range(args.rounds):
        for runs, threads in settings:
            told[f"{runs} x {threads}"].append(together(args, runs, threads))
        result: dict[str, Any] = {
            "command": "python benchmarks/throughput.py PREPARED OUT.json",
            "commit": commit.stdout.strip(),
            "cores": cores,
            "unit": "steps of stage 2 a second, all runs together; runs x threads",
            "median": {name: statistics.median(values) for name, values in told.items()},
            "values": told,
        }
        args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["median"], indent=2))


if __name__ == "__main__":
    main()
