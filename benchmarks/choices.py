"""Measure the choices behind a training step, one changed at a time.

    python benchmarks/choices.py PREPARED OUT.json [--threads 2] [--rounds 5]

Steps of stage 1, and of stage 2 under `shared`, with PyTorch's Adam in its three forms, with
compiled kernels and without, with bf16, with tiny numbers flushed to zero, and with torch.compile
on the plain encoder. The ways take turns; ratios are to the way that is the default, within each
round. For bf16 the loss and the gradient are compared with float64 on one batch.
"""

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from basrec.batches import draw_batches
from basrec.config import AugmentationConfig, ModelConfig, TrainSection
from basrec.kernels import choose_kernels
from basrec.model import Recommender, build_recommender
from basrec.negatives import build_sampler
from basrec.objectives import basrec_objective, main_objective
from basrec.precision import precision_of
from basrec.prepared import Prepared, read_prepared
from basrec.rivals import Contest
from basrec.rng import generator
from basrec.split import examples_of

CPU = torch.device("cpu")
STEPS = 20
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "Adam: loop": {"adam": {"foreach": False, "fused": False}},
    "Adam: foreach": {"adam": {"foreach": True}},
    "flush denormals": {"flush": True},
    "plain": {"kernels": "plain"},
    "plain, bf16": {"kernels": "plain", "precision": "bf16"},
    "plain, torch.compile": {"kernels": "plain", "compile": True},
}


class Way:
    """One way of stepping, warm and ready."""

    def __init__(self, prepared: Prepared, stage: str, options: dict[str, Any]) -> None:
        self.options = options
        config = ModelConfig(dropout=0.1, attention_dropout=0.1)
        kernels = choose_kernels(options.get("kernels", "auto"), CPU)
        weights = generator(1, "weights")
        self.model = build_recommender(prepared.num_items, config, weights, kernels)
        if options.get("compile"):
            self.model.backbone.forward = torch.compile(  # type: ignore[attr-defined]
                self.model.backbone.forward, dynamic=True
            )
        self.adam = torch.optim.Adam(
            self.model.parameters(), **options.get("adam", {"fused": True})
        )
        sampler = build_sampler(prepared, "history", False, CPU)
        contest = Contest.of(TrainSection(), prepared, sampler)
        self.objective = main_objective(contest)
        if stage == "stage 2":
            settings = AugmentationConfig(pairs=2, mixes=3, choice="random", edit="whole")
            self.objective = basrec_objective(prepared, settings, contest)
        self.draws = generator(1, "draws")
        self.make: Callable[[], Any] = lambda: draw_batches(
            *(prepared, examples_of(prepared, "train"), sampler, 256, 1, 50),
            *(generator(1, "shuffle"), self.draws),
        )
        self.batches = self.make()

    def step(self) -> None:
        """Take one step."""
        batch = next(self.batches, None)
        if batch is None:
            self.batches = self.make()
            batch = next(self.batches)
        with precision_of(self.options.get("precision", "float32"), CPU):
            losses = self.objective(self.model, batch, self.draws)
        self.adam.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        self.adam.step()

    def seconds(self) -> float:
        """Give the median seconds of some steps."""
        torch.set_flush_denormal(bool(self.options.get("flush")))
        told = []
        for _ in range(STEPS):
            started = time.perf_counter()
            self.step()
            told.append(time.perf_counter() - started)
        torch.set_flush_denormal(False)
        return statistics.median(told)


def bf16_error(prepared: Prepared) -> dict[str, float]:
    """Compare loss and gradient of one batch with float64, relative."""
    told = {}
    exact: list[Tensor] = []
    for name, dtype, precision in (
        ("float64", torch.float64, "float32"),
        ("float32", torch.float32, "float32"),
        ("bf16", torch.float32, "bf16"),
    ):
        config = ModelConfig(dropout=0.0, attention_dropout=0.0)
        model: Recommender = build_recommender(prepared.num_items, config, generator(1, "weights"))
        model.to(dtype)
        sampler = build_sampler(prepared, "history", False, CPU)
        objective = main_objective(Contest.of(TrainSection(), prepared, sampler))
        examples = examples_of(prepared, "train")
        streams = generator(1, "shuffle"), generator(1, "draws")
        batch = next(iter(draw_batches(prepared, examples, sampler, 256, 1, 50, *streams)))
        with precision_of(precision, CPU):
            loss = objective(model, batch, streams[1])["main"]
        torch.autograd.backward(loss)
        slopes = torch.cat([one.grad.flatten() for one in model.parameters()])  # type: ignore[union-attr]
        values = [loss.detach().double(), slopes.double()]
        exact = exact or values
        told[f"{name}, loss"] = float((values[0] - exact[0]).abs() / exact[0].abs())
        told[f"{name}, gradient"] = float((values[1] - exact[1]).norm() / exact[1].norm())
    return told


def measure(prepared: Prepared, stage: str, rounds: int) -> dict[str, Any]:
    """Let the ways take turns."""
    ways = {name: Way(prepared, stage, options) for name, options in WAYS.items()}
    for way in ways.values():
        for _ in range(STEPS):
            way.step()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(way.seconds())
    told = {}
    for name, values in seconds.items():
        pairs = zip(values, seconds["default"], strict=True)
        ratios = sorted(value / own for value, own in pairs)
        told[name] = {
            "ms": round(statistics.median(values) * 1e3, 2),
            "of default": [
                round(statistics.median(ratios), 3),
                *(round(r, 3) for r in (ratios[0], ratios[-1])),
            ],
        }
    return told


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    prepared = read_prepared(told.prepared)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    result: dict[str, Any] = {
        "command": "python benchmarks/choices.py PREPARED OUT.json",
        "commit": commit.stdout.strip(),
        "threads": told.threads,
        "note": "`of default`: median, least and most of the ratios within the rounds",
        "error of one batch against float64, without dropout": bf16_error(prepared),
    }
    for stage in ("stage 1", "stage 2"):
        result[stage] = measure(prepared, stage, told.rounds)
        told.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
