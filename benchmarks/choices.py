"""Measure the choices behind a training step, one changed at a time.

    python benchmarks/choices.py PREPARED OUT.json [--threads 2] [--rounds 5]

Steps of stage 1, and of stage 2 under `shared`, with PyTorch's Adam in its three forms, with
compiled kernels and without, with bf16, with tiny numbers flushed to zero, with torch.compile on
the plain encoder, and under other losses and negatives. The ways take turns; ratios
are to the way that is the default, within each round. For bf16 the loss and
the gradient are compared with float64 on one batch.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from about import about
from torch import Tensor
from trainer import Trainer, published

from basrec.batches import Batch
from basrec.prepared import Prepared, read_prepared

STEPS = 20
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "Adam: loop": {"adam": {"foreach": False, "fused": False}},
    "Adam: foreach": {"adam": {"foreach": True}},
    "flush denormals": {"flush": True},
    "plain": {"set": ["kernels=plain"]},
    "plain, bf16": {"set": ["kernels=plain", "train.precision=bf16"]},
    "plain, torch.compile": {"set": ["kernels=plain"], "compile": True},
    "gBCE": {"set": ["train.loss=gbce"]},
    "BPR": {"set": ["train.loss=bpr"]},
    "16 negatives": {"set": ["train.negative_count=16"]},
    "256 shared negatives": {
        "set": ["train.negatives_from=shared", "train.negative_count=256"],
    },
    "sampled softmax, in batch": {
        "set": ["train.loss=sampled_softmax", "train.negatives_from=batch"],
    },
    "cross-entropy": {"set": ["train.loss=ce"]},
}
STAGES = {"stage 1": "base", "stage 2": "basrec"}


class Way:
    """One way of stepping."""

    def __init__(self, prepared: Prepared, stage: str, options: dict[str, Any]) -> None:
        overrides = ["augmentation.partner_padding=shared", *options.get("set", [])]
        config = published(STAGES[stage], *overrides)
        self.trainer = Trainer(prepared, config, **options.get("adam", {}))
        self.batches: Iterator[Batch] = self.trainer.batches()
        self.flush = bool(options.get("flush"))
        if options.get("compile"):
            backbone = self.trainer.model.backbone
            backbone.forward = torch.compile(  # type: ignore[attr-defined]
                backbone.forward,  # type: ignore[attr-defined]
                dynamic=True,
            )

    def seconds(self) -> float:
        """Give the median seconds of some steps."""
        torch.set_flush_denormal(self.flush)
        told = []
        for _ in range(STEPS):
            started = time.perf_counter()
            self.trainer.step(next(self.batches))
            told.append(time.perf_counter() - started)
        torch.set_flush_denormal(False)
        return statistics.median(told)


def bf16_error(prepared: Prepared) -> dict[str, float]:
    """Compare loss and gradient of one batch with float64, relative."""
    told = {}
    exact: list[Tensor] = []
    for name, dtype in (("float64", torch.float64), ("float32", None), ("bf16", None)):
        overrides = ["kernels=plain", "model.dropout=0", "model.sasrec.attention_dropout=0"]
        overrides.append(f"train.precision={'bf16' if name == 'bf16' else 'float32'}")
        trainer = Trainer(prepared, published("base", *overrides))
        model = trainer.model.to(dtype)
        loss = trainer.step(next(trainer.batches()))
        slopes = torch.cat([one.grad.flatten() for one in model.parameters()])  # type: ignore[union-attr]
        values = [loss.double(), slopes.double()]
        exact = exact or values
        told[f"{name}, loss"] = float((values[0] - exact[0]).abs() / exact[0].abs())
        told[f"{name}, gradient"] = float((values[1] - exact[1]).norm() / exact[1].norm())
    return told


def measure(prepared: Prepared, stage: str, rounds: int) -> dict[str, Any]:
    """Let the ways take turns."""
    ways = {name: Way(prepared, stage, options) for name, options in WAYS.items()}
    for way in ways.values():
        way.seconds()  # a warm-up
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
    result: dict[str, Any] = about("basrec") | {
        "threads": told.threads,
        "note": "`of default`: median, least and most of the ratios within the rounds",
        "error of one batch against float64, without dropout": bf16_error(prepared),
    }
    for stage in STAGES:
        result[stage] = measure(prepared, stage, told.rounds)
        told.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
