"""Prepare a dump with RecBole's own preprocessing; print what it took as a line of JSON.

    python recbole_way.py DUMP FORMAT

Run by benchmarks/preparation.py, in a folder that is thrown away and an environment that has
RecBole 1.2.1. The dump is first made into RecBole's atomic file by pandas, as RecBole's own
conversion tools do. It is timed until the dataset stands filtered and numbered: making the
sequences out of it (`build`, which also augments them) is left out, in RecBole's favour.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import recbole
import torch
from pandas_way import MIN_COUNT, peak_mb, read_frame
from recbole.config import Config
from recbole.data import create_dataset

COLUMNS = {
    "user": "user_id:token",
    "item": "item_id:token",
    "rating": "rating:float",
    "timestamp": "timestamp:float",
}
AT_LEAST = f"[{MIN_COUNT},inf)"
SETTINGS: dict[str, Any] = {
    "data_path": ".",
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "user_inter_num_interval": AT_LEAST,
    "item_inter_num_interval": AT_LEAST,
    "rm_dup_inter": None,
    "val_interval": None,
    "train_neg_sample_args": None,
    "use_gpu": False,
    "show_progress": False,
    "state": "WARNING",
}


def convert(dump: Path, layout: str) -> int:
    """Write the atomic file dump/dump.inter; give its rows."""
    frame = read_frame(dump, layout).rename(columns=COLUMNS)
    Path("dump").mkdir()
    frame.to_csv("dump/dump.inter", sep="\t", index=False)
    return len(frame)


def main() -> None:
    """Convert the dump, make the dataset and print the seconds and counts."""
    dump, layout = Path(sys.argv[1]), sys.argv[2]
    sys.argv = sys.argv[:1]  # RecBole reads its own settings from the command line.
    imported = peak_mb()
    started = time.perf_counter()
    rows = convert(dump, layout)
    converted, peak_of_conversion = time.perf_counter(), peak_mb()
    config = Config(model="SASRec", dataset="dump", config_dict=SETTINGS)
    dataset = create_dataset(config)
    ended = time.perf_counter()
    told = {
        "seconds": ended - started,
        "parts": {"conversion": converted - started, "create_dataset": ended - converted},
        "rows": rows,
        # RecBole counts the padding as a user and as an item.
        "result": {
            "users": dataset.user_num - 1,
            "items": dataset.item_num - 1,
            "interactions": dataset.inter_num,
        },
        "imports_mb": imported,
        "conversion_peak_mb": peak_of_conversion,
        "versions": {
            "python": sys.version.split()[0],
            "recbole": recbole.__version__,
            "pandas": pd.__version__,
            "torch": torch.__version__,
        },
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
