"""Time RecTools' SASRec, training and recommending; print what it took as a line of JSON.

    python rectools_way.py OPTIONS

Run by benchmarks/training.py with OPTIONS as JSON, in an environment that has RecTools 0.19.0. It
is given items[:-2] of every user, trains on the shifted sequence (items[:-3] aim at items[1:-2],
the last 50 of them), and recommends from items[:-1]. Its feed-forward part is as wide as the
embedding (64, where basrec's is 256); its negatives are uniform and may be items the user knows.
"""

import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import rectools
import torch
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models.nn.transformers.sasrec import SASRecModel
from stopwatch import BATCH, SLOTS, Sequences, Stopwatch, read_options

EPOCHS = 2
MODEL: dict[str, Any] = {
    "loss": "BCE",
    "n_negatives": 1,
    "batch_size": BATCH,
    "session_max_len": SLOTS,
    "n_blocks": 2,
    "n_heads": 2,
    "n_factors": 64,
    "dropout_rate": 0.1,
    "lr": 1e-3,
    "dataloader_num_workers": 0,
    "epochs": EPOCHS,
}


class Stamps(lightning.Callback):
    """The seconds of every epoch, and when each batch of the last one ended."""

    def __init__(self) -> None:
        self.epochs: list[float] = []
        self.batches: list[float] = []
        self.started = 0.0

    def on_train_epoch_start(self, *_: Any) -> None:
        """Start the clock."""
        self.started = time.perf_counter()
        self.batches = [self.started]

    def on_train_batch_end(self, *_: Any) -> None:
        """Note a batch."""
        self.batches.append(time.perf_counter())

    def on_train_epoch_end(self, *_: Any) -> None:
        """Note an epoch."""
        self.epochs.append(time.perf_counter() - self.started)


def make_trainer() -> lightning.Trainer:
    """Make RecTools' own trainer, with a clock."""
    return lightning.Trainer(
        max_epochs=EPOCHS,
        min_epochs=EPOCHS,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        callbacks=[Stamps()],
    )


def dataset_of(sequences: Sequences, held_out: int) -> Dataset:
    """Give all but each user's last items as RecTools' dataset."""
    users, items, places = sequences.columns(held_out)
    frame = pd.DataFrame({Columns.User: users, Columns.Item: items, Columns.Weight: 1.0})
    frame[Columns.Datetime] = pd.to_datetime(places, unit="D")
    return Dataset.construct(frame)


def time_training(watch: Stopwatch, model: SASRecModel, dataset: Dataset) -> int:
    """Time the last epoch; give its number of batches."""
    model.fit(dataset)
    stamps = next(each for each in model.fit_trainer.callbacks if isinstance(each, Stamps))
    # Batch 1 is left out: its loader is started within it.
    step = statistics.median(np.diff(stamps.batches)[1:])
    batches = len(stamps.batches) - 1
    watch.add("stage1_step", float(step))
    watch.add("stage1_epoch", float(step) * batches)
    watch.add("stage1_epoch_whole", stamps.epochs[-1])
    return batches


def main() -> None:
    """Measure everything and print it."""
    watch, options = Stopwatch(), read_options()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options["threads"])
    lightning.seed_everything(1, verbose=False)
    sequences = Sequences.read(Path(options["sequences"]))
    model = SASRecModel(**MODEL, get_trainer_func=make_trainer)
    batches = time_training(watch, model, dataset_of(sequences, 2))
    trained = model.data_preparator.train_dataset
    known = dataset_of(sequences, 1)
    users = np.arange(1, sequences.num_users + 1)
    found = watch.time("top20", lambda: model.recommend(users, known, k=20, filter_viewed=True))
    facts = {
        "users": trained.user_id_map.size,
        "items": trained.item_id_map.size - 1,  # padding counts as one
        "positions": len(trained.interactions.df) - trained.user_id_map.size,
        "batches": batches,
        "epochs": EPOCHS,
        "rows recommended": len(found),
        "parameters": sum(part.numel() for part in model.torch_model.parameters()),
        "threads": torch.get_num_threads(),
    }
    versions = {
        "rectools": rectools.__version__,
        "torch": torch.__version__,
        "pytorch-lightning": lightning.__version__,
        "numpy": np.__version__,
    }
    watch.tell(facts, versions)


if __name__ == "__main__":
    main()
