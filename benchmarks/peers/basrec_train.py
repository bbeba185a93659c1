"""Time basrec's training, evaluation, best items and neighbours; print them as a line of JSON.

    python basrec_train.py OPTIONS

Run by benchmarks/training.py in a folder that is thrown away, with OPTIONS as JSON. Everything is
as the preset `reference` has it, but for how partners' padded slots are filled: SHARED or ENCODE.
"""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from stopwatch import BATCH, SLOTS, WARM_UP, Steps, Stopwatch, read_options

from basrec.batches import PLANNED, Batch, draw_batches
from basrec.config import TrainConfig
from basrec.kernels import choose_kernels
from basrec.model import Recommender, build_recommender
from basrec.negatives import build_sampler
from basrec.objectives import Objective, basrec_objective, main_objective
from basrec.prepared import Prepared, read_prepared
from basrec.presets import PRESETS
from basrec.ranking import rank_targets, top_items
from basrec.rivals import Contest
from basrec.rng import generator
from basrec.split import Examples, examples_of
from pipeline.config import NeighbourConfig
from pipeline.engine import open_engine
from pipeline.neighbours import add_neighbours, find_neighbours
from pipeline.splits import read_split, register_split

OWN: dict[str, dict[str, Any]] = {
    "model": {
        "embedding_size": 64,
        "max_length": SLOTS,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "sasrec": {"layers": 2, "heads": 2, "inner_size": 256},
    },
    "train": {"batch_size": BATCH},
    "augmentation": {"alpha": 0.4, "rate": [0.2, 0.71], "pairs": 2, "mixes": 3},
}
CPU = torch.device("cpu")


def config_of(policy: str) -> TrainConfig:
    """Give the config under one policy of partners' padded slots."""
    preset = PRESETS["reference"]
    values = {name: preset.get(name, {}) | OWN.get(name, {}) for name in {*preset, *OWN}}
    values["augmentation"] |= {"partner_padding": policy}
    return TrainConfig.model_validate({"preset": "reference", "device": "cpu", **values})


class Trainer:
    """A fresh model under a config, trained batch by batch as basrec.stages does it."""

    def __init__(self, data: Prepared, config: TrainConfig, kernels: str, augmented: bool) -> None:
        self.data, self.config, self.stage = data, config, 1 + augmented
        self.sampler = build_sampler(data, config.train.negatives, config.model.extra_ids, CPU)
        contest = Contest.of(config.train, data, self.sampler)
        self.objective: Objective = main_objective(contest)
        if augmented:
            self.objective = basrec_objective(data, config.augmentation, contest)
        self.compiled = choose_kernels(kernels, CPU)
        weights = generator(1, "weights")
        self.model: Recommender = build_recommender(
            data.num_items, config.model, weights, self.compiled
        )
        self.adam = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)
        self.examples: Examples = examples_of(data, "train")

    @property
    def num_batches(self) -> int:
        """How many batches an epoch has."""
        return math.ceil(len(self.examples) / BATCH)

    def batches(self, epoch: int, draws: torch.Generator) -> Iterator[Batch]:
        """Draw an epoch's batches."""
        train, model = self.config.train, self.config.model
        return draw_batches(
            self.data,
            self.examples,
            self.sampler,
            train.batch_size,
            train.drawn_negatives,
            model.max_length,
            generator(1, "shuffle", self.stage, epoch),
            draws,
        )

    def run(self, epoch: int, count: int) -> Steps:
        """Take the first `count` steps of an epoch."""
        steps, draws = Steps(), generator(1, "draws", self.stage, epoch)
        total = torch.zeros(())
        for batch in steps.watch(self.batches(epoch, draws), count):
            losses = self.objective(self.model, batch, draws)
            self.adam.zero_grad(set_to_none=True)
            loss = torch.stack(list(losses.values())).sum()
            torch.autograd.backward(loss)
            self.adam.step()
            total += loss.detach()
        if not math.isfinite(float(total)):
            raise SystemExit(f"the loss is not finite: {float(total)}")
        return steps


def time_training(watch: Stopwatch, trainer: Trainer, name: str, suffix: str, steps: int) -> None:
    """Time so many steps after a warm-up, rounded up to the batches that are planned at once."""
    trainer.run(1, WARM_UP)
    count = math.ceil(steps / PLANNED) * PLANNED
    watch.add_steps(name, suffix, trainer.run(2, count), trainer.num_batches)


def time_neighbours(watch: Stopwatch, prepared: Path, threads: int) -> None:
    """Time the search alone, then the whole stage on a copy that has none."""

    def search() -> int:
        with open_engine(Path.cwd(), "4GB", threads) as engine:
            engine.parquet("sequences", prepared / "sequences.parquet")
            register_split(engine, read_split(prepared))
            return sum(len(batch) for batch in find_neighbours(engine, NeighbourConfig()))

    watch.time("neighbours", search)
    copy = Path("copy")
    shutil.copytree(prepared, copy)
    (copy / "neighbours.parquet").unlink()
    watch.time("neighbours_stage", lambda: add_neighbours(copy, NeighbourConfig(), threads=threads))


def main() -> None:
    """Measure everything and print it."""
    watch, options = Stopwatch(), read_options()
    torch.set_num_threads(options["threads"])
    prepared, steps, kernels = Path(options["prepared"]), options["steps"], options["kernels"]
    data = read_prepared(prepared)
    config = config_of("shared")
    base = Trainer(data, config, kernels, augmented=False)
    time_training(watch, base, "stage1", "", steps)
    watch.time("stage1_epoch_whole", lambda: base.run(3, base.num_batches))
    for policy in ("shared", "encode"):
        trainer = Trainer(data, config_of(policy), kernels, augmented=True)
        time_training(watch, trainer, "stage2", f"_{policy}", steps)
    test = examples_of(data, "test")
    watch.time("evaluate", lambda: rank_targets(base.model, data, test, config.evaluation))
    watch.time("top20", lambda: top_items(base.model, data, test, 20, config.evaluation))
    time_neighbours(watch, prepared, options["threads"])
    facts = {
        "users": data.num_users,
        "items": data.num_items,
        "positions": int(base.examples.cut(SLOTS).length.sum()),
        "batches": base.num_batches,
        "steps timed": min(math.ceil(steps / PLANNED) * PLANNED, base.num_batches),
        "kernels": "compiled" if base.compiled else "plain",
        "threads": torch.get_num_threads(),
    }
    watch.tell(facts, {"torch": torch.__version__})


if __name__ == "__main__":
    main()
