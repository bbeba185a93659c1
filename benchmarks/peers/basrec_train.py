"""Time basrec's training, evaluation, best items and neighbours; print them as a line of JSON.

    python basrec_train.py OPTIONS

Run by benchmarks/training.py in a folder that is thrown away, with OPTIONS as JSON. Everything is
as the preset `reference` has it, but for how partners' padded slots are filled: SHARED or ENCODE.
"""

import math
import shutil
from pathlib import Path

import numpy as np
import torch
from stopwatch import SLOTS, WARM_UP, Steps, Stopwatch, read_options
from trainer import Trainer, published

from basrec.batches import PLANNED
from basrec.prepared import read_prepared
from basrec.ranking import rank_targets, top_items
from basrec.split import examples_of
from pipeline.config import NeighbourConfig
from pipeline.engine import open_engine
from pipeline.neighbours import add_neighbours, find_neighbours
from pipeline.splits import read_split, register_split


def run(trainer: Trainer, count: int) -> Steps:
    """Take so many steps, and refuse a loss that is no number."""
    steps, total = Steps(), torch.zeros(())
    for batch in steps.watch(trainer.batches(), count):
        total += trainer.step(batch)
    if not math.isfinite(float(total)):
        raise SystemExit(f"the loss is not finite: {float(total)}")
    return steps


def time_training(watch: Stopwatch, trainer: Trainer, name: str, suffix: str, steps: int) -> None:
    """Time so many steps after a warm-up, rounded up to the batches that are planned at once."""
    run(trainer, WARM_UP)
    count = math.ceil(steps / PLANNED) * PLANNED
    watch.add_steps(name, suffix, run(trainer, count), trainer.num_batches)


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
    prepared, steps = Path(options["prepared"]), options["steps"]
    if options["only"] == "neighbours":
        time_neighbours(watch, prepared, options["threads"])
        return watch.tell({}, {"numpy": np.__version__})
    data, kernels = read_prepared(prepared), f"kernels={options['kernels']}"
    base = Trainer(data, published("base", kernels))
    time_training(watch, base, "stage1", "", steps)
    watch.time("stage1_epoch_whole", lambda: run(base, base.num_batches))
    for policy in ("shared", "encode"):
        config = published("basrec", kernels, f"augmentation.partner_padding={policy}")
        time_training(watch, Trainer(data, config), "stage2", f"_{policy}", steps)
    test, evaluation = examples_of(data, "test"), base.config.evaluation
    watch.time("evaluate", lambda: rank_targets(base.model, data, test, evaluation))
    watch.time("top20", lambda: top_items(base.model, data, test, 20, evaluation))
    time_neighbours(watch, prepared, options["threads"])
    facts = {
        "users": data.num_users,
        "items": data.num_items,
        "positions": int(base.examples.cut(SLOTS).length.sum()),
        "batches": base.num_batches,
        "steps timed": min(math.ceil(steps / PLANNED) * PLANNED, base.num_batches),
        "kernels": "compiled" if base.model.kernels else "plain",
        "threads": torch.get_num_threads(),
    }
    watch.tell(facts, {"torch": torch.__version__})


if __name__ == "__main__":
    main()
