"""Time RecBole's SASRec, training and full-ranking evaluation; print them as a line of JSON.

    python recbole_train.py OPTIONS

Run by benchmarks/training.py with OPTIONS as JSON, in a folder that is thrown away and an
environment that has RecBole 1.2.1. A sample is a prefix with one target: an epoch has as many
samples as basrec has positions, and those before the last 50 besides. Some batches are timed; an
epoch is so many of them. There is no binary cross-entropy: CE over all items is the default, BPR
with one negative the nearest to it. Its evaluation leaves the user's own items in the ranking.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import recbole
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model, init_seed
from stopwatch import BATCH, SLOTS, WARM_UP, Sequences, Steps, Stopwatch, read_options

SETTINGS: dict[str, Any] = {
    "data_path": ".",
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "train_batch_size": BATCH,
    "MAX_ITEM_LIST_LENGTH": SLOTS,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_size": 64,
    "inner_size": 256,
    "hidden_dropout_prob": 0.1,
    "attn_dropout_prob": 0.1,
    "eval_args": {
        "split": {"LS": "valid_and_test"},
        "group_by": "user",
        "order": "TO",
        "mode": "full",
    },
    "repeatable": True,
    "metrics": ["Hit", "NDCG", "MRR"],
    "topk": [10, 20],
    "valid_metric": "NDCG@20",
    "epochs": 1,
    "use_gpu": False,
    "show_progress": False,
    "state": "WARNING",
}
LOSSES: dict[str, dict[str, Any]] = {
    "ce": {"loss_type": "CE", "train_neg_sample_args": None},
    "bpr": {"loss_type": "BPR"},
}


def write_interactions(sequences: Sequences) -> None:
    """Write the atomic file dump/dump.inter, where the place in time is the timestamp."""
    users, items, places = sequences.columns()
    columns = {"user_id:token": users, "item_id:token": items, "timestamp:float": places}
    Path("dump").mkdir()
    pd.DataFrame(columns).to_csv("dump/dump.inter", sep="\t", index=False)


def run(trainer: Trainer, train_data: Any, count: int) -> Steps:
    """Take the first `count` steps of an epoch by RecBole's own loop."""
    steps = Steps()
    trainer._train_epoch(steps.watch(train_data, count), 0)
    return steps


def time_loss(watch: Stopwatch, loss: str, few: int) -> dict[str, Any]:
    """Time training under one loss, and after the first the evaluation; give some facts."""
    config = Config(model="SASRec", dataset="dump", config_dict=SETTINGS | LOSSES[loss])
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    train_data, _, test_data = data_preparation(config, dataset)
    model = get_model("SASRec")(config, train_data._dataset)
    trainer = Trainer(config, model)
    run(trainer, train_data, WARM_UP)
    steps = run(trainer, train_data, few)
    # A batch holds 256 prefixes of users, not 256 users: a step is no stage1_step.
    watch.add(f"prefix_step_{loss}", steps.seconds)
    watch.add(f"stage1_epoch_{loss}", steps.seconds * len(train_data))
    if "evaluate" not in watch.seconds:
        trainer.eval_collector.data_collect(train_data)
        watch.time("evaluate", lambda: trainer.evaluate(test_data, load_best_model=False))
    return {
        "users": dataset.user_num - 1,  # padding counts as one
        "items": dataset.item_num - 1,
        "samples": len(train_data._dataset),
        "batches": len(train_data),
        "steps timed": len(steps.working),
        "users evaluated": len(test_data._dataset),
    }


def main() -> None:
    """Measure everything and print it."""
    watch, options = Stopwatch(), read_options()
    torch.set_num_threads(options["threads"])
    write_interactions(Sequences.read(Path(options["sequences"])))
    for loss in LOSSES:
        facts = time_loss(watch, loss, options["few_steps"])
    facts |= {
        "scaled": "an epoch is the timed step times its batches",
        "threads": torch.get_num_threads(),
    }
    versions = {
        "recbole": recbole.__version__,
        "torch": torch.__version__,
        "pandas": pd.__version__,
        "numpy": np.__version__,
    }
    watch.tell(facts, versions)


if __name__ == "__main__":
    main()
