"""Find how many runs at once make the most of this machine: steps a second of all runs together.

    python benchmarks/throughput.py PREPARED OUT.json [--rounds 5] [--seconds 20]

Each run is a process that takes steps of stage 2 (`shared`, else as published for Beauty) until the
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
from about import about
from trainer import Trainer, published

from basrec.prepared import read_prepared

WARM_UP = 10


def work(folder: Path, threads: int, begin: float, seconds: float) -> int:
    """Take steps from one moment (Unix seconds) to another, and give how many."""
    torch.set_num_threads(threads)
    config = published("basrec", "augmentation.partner_padding=shared")
    trainer, steps = Trainer(read_prepared(folder), config), 0
    for batch in trainer.batches():
        trainer.step(batch)
        if time.time() > begin + seconds:
            break
        steps += time.time() >= begin  # before that it warms up, and waits for the others
    return steps


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
    described = about("basrec")
    for _ in range(args.rounds):
        for runs, threads in settings:
            told[f"{runs} x {threads}"].append(together(args, runs, threads))
        result: dict[str, Any] = described | {
            "unit": "steps of stage 2 a second, all runs together; runs x threads",
            "median": {name: statistics.median(values) for name, values in told.items()},
            "values": told,
        }
        args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["median"], indent=2))


if __name__ == "__main__":
    main()
