"""Time the plain implementation (published_way.py); print what it took as a line of JSON.

    python plain_train.py OPTIONS

Run by benchmarks/training.py with OPTIONS as JSON. Some steps of each stage are timed, and an epoch
is so many of them; of more users than `plain_users` every n-th is evaluated, and the time scaled.
"""

import math
import random
import time
from pathlib import Path

import numpy as np
import published_way as plain
import torch
from stopwatch import SLOTS, WARM_UP, Sequences, Steps, Stopwatch, read_options


def run(model: plain.Model, adam: torch.optim.Adam, samples: plain.Samples, count: int) -> Steps:
    """Take the first `count` steps of an epoch."""
    steps = Steps()
    for sample in steps.watch(plain.batches(samples), count):
        plain.step(model, adam, sample)
    return steps


def time_evaluation(
    watch: Stopwatch, model: plain.Model, sequences: list[list[int]], most: int
) -> int:
    """Time the ranking of the test targets of every n-th user, as if of all; give how many."""
    some = sequences[:: math.ceil(len(sequences) / most)]
    started = time.perf_counter()
    plain.evaluate(model, some, 1)
    watch.add("evaluate", (time.perf_counter() - started) * len(sequences) / len(some))
    return len(some)


def main() -> None:
    """Measure everything and print it."""
    watch, options = Stopwatch(), read_options()
    torch.set_num_threads(options["threads"])
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(1)
    sequences = Sequences.read(Path(options["sequences"])).lists()
    num_items, settings = max(map(max, sequences)), plain.Settings()
    similar = watch.time("neighbours", lambda: plain.similar_items(sequences))
    if options["only"] == "neighbours":
        return watch.tell({}, {"numpy": np.__version__})
    batches = math.ceil(len(sequences) / plain.BATCH)
    for augmented, stage in enumerate(("stage1", "stage2")):
        samples = plain.Samples(sequences, num_items, similar, settings, bool(augmented))
        model = plain.Model(num_items, settings)
        adam = plain.new_adam(model)
        run(model, adam, samples, WARM_UP)
        steps = run(model, adam, samples, options["few_steps"])
        watch.add_steps(stage, "", steps, batches)
    evaluated = time_evaluation(watch, model, sequences, options["plain_users"])
    facts = {
        "users": len(sequences),
        "items": num_items,
        "positions": sum(min(len(sequence) - 3, SLOTS) for sequence in sequences),
        "batches": batches,
        "steps timed": len(steps.working),
        "users evaluated": evaluated,
        "scaled": "an epoch is the timed step times its batches; evaluate is the time of the users "
        "evaluated, scaled to all",
        "threads": torch.get_num_threads(),
    }
    watch.tell(facts, {"torch": torch.__version__, "numpy": np.__version__})


if __name__ == "__main__":
    main()
