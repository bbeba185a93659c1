"""The results of an experiment as one table, in Parquet and in CSV, and the tables beside it.

No times are in it, so that equal runs give equal bytes; those have a table of their own.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from basrec.analysis import similarity_over
from basrec.evaluation import read_metrics
from basrec.files import machine_errors, read_json, write_whole
from basrec.metrics import CUTS
from basrec.run_folder import read_history

Row = dict[str, Any]
METRICS = (*(f"HR@{k}" for k in CUTS), *(f"NDCG@{k}" for k in CUTS), "MRR")
CELL = ("dataset", "backbone", "variant", "seed")
"""What tells cells apart in all tables."""
NAMES = ("experiment", "dataset", "backbone", "variant", "method", "preset")
STAGES = (1, 2)
RESULTS = pa.schema(
    [
        *((name, pa.string()) for name in NAMES),
        ("seed", pa.int64()),
        ("split", pa.string()),
        ("status", pa.string()),
        *((name, pa.string()) for name in ("message", "run", "key")),
        *((name, pa.float64()) for name in METRICS),
        *((f"epochs_stage{stage}", pa.int64()) for stage in STAGES),
    ]
)
"""Grain: a cell of the grid and a split (validation, test)."""
TIMINGS = pa.schema(
    [
        *((name, pa.string()) for name in ("dataset", "backbone", "variant")),
        *(("seed", pa.int64()), ("seconds", pa.float64())),
        *((f"seconds_per_epoch_stage{stage}", pa.float64()) for stage in STAGES),
        ("peak_memory_mib", pa.float64()),
    ]
)
"""Grain: a finished cell of the grid."""
SIMILARITIES = pa.schema(
    [
        *((name, pa.string()) for name in ("dataset", "backbone", "variant")),
        *(("seed", pa.int64()), ("kind", pa.string())),
        *(("over_training", pa.float64()), ("last_epoch", pa.float64())),
    ]
)
"""Grain: a finished cell of the grid and a kind of augmented samples (their `mean` where there are
several): cosine similarity of their outputs to those of the originals."""
WATCHED = ("HR@10", "NDCG@10", "NDCG@20")
HISTORY = pa.schema(
    [
        *((name, pa.string()) for name in ("dataset", "backbone", "variant")),
        *((name, pa.int64()) for name in ("seed", "stage", "epoch")),
        *((name, pa.float64()) for name in ("loss", *WATCHED)),
    ]
)
"""Grain: an epoch of a finished cell; its summed training loss and what validation came to."""
ORIGINS = pa.schema(
    [
        *((name, pa.string()) for name in ("dataset", "backbone", "variant")),
        ("seed", pa.int64()),
        *((name, pa.string()) for name in ("config", "policy", "environment", "inputs")),
        ("weights", pa.string()),
    ]
)
"""Grain: a finished cell of the grid. As JSON its whole config, the rules that it was judged by,
machine and versions, and the digests of its data; and the digest of its weights."""
COST = "cost.json"
"""What a sweep notes in a run's folder of the memory that it took."""


def read_results(run: Path) -> dict[str, Row]:
    """Give, by split, the metrics and epochs of a finished run."""
    metrics, history = read_metrics(run), read_history(run)
    stages = [line["stage"] for line in history]
    epochs = {f"epochs_stage{stage}": stages.count(stage) for stage in STAGES}
    return {split: {**metrics[split], **epochs} for split in ("validation", "test")}


def read_timings(run: Path) -> list[Row]:
    """Give the seconds of a finished run's training, and its memory where it was noted."""
    history = read_history(run)
    told: Row = {"seconds": read_json(run / "manifest.json")["seconds"]}
    for stage in STAGES:
        seconds = [line["seconds"] for line in history if line["stage"] == stage]
        mean = round(sum(seconds) / len(seconds), 3) if seconds else None
        told[f"seconds_per_epoch_stage{stage}"] = mean
    if (run / COST).exists():
        told |= read_json(run / COST)
    return [told]


def read_similarities(run: Path) -> list[Row]:
    """Give, by kind of samples, a finished run's similarities; none where it makes no samples."""
    told = similarity_over(read_history(run))
    return [
        {"kind": kind, "over_training": value, "last_epoch": told["last_epoch"][kind]}
        for kind, value in told["over_training"].items()
    ]


def read_epochs(run: Path) -> list[Row]:
    """Give the learning curve of a finished run."""
    return [
        {name: line[name] for name in ("stage", "epoch", "loss")}
        | {name: (line["validation"] or {}).get(name) for name in WATCHED}
        for line in read_history(run)
    ]


def origin_of(run: Path) -> Row:
    """Give what it takes to repeat a finished run."""
    manifest = read_json(run / "manifest.json")
    return {
        "config": manifest["config"],
        "policy": read_metrics(run)["policy"],
        "environment": read_json(run / "environment.json"),
        "inputs": manifest["inputs"],
        "weights": manifest["outputs"]["model.safetensors"],
    }


def read_origin(run: Path) -> list[Row]:
    """Give the same as a table holds it: as JSON, but for the digest of the weights."""
    told = origin_of(run)
    return [{name: v if name == "weights" else json.dumps(v) for name, v in told.items()}]


def write_results(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write results.parquet and results.csv, each whole."""
    table = pa.Table.from_pylist(list(rows), RESULTS)
    with machine_errors(f"{folder}: writing the results"):
        write_whole(
            folder / "results.parquet", lambda beside: pa.parquet.write_table(table, beside)
        )
    _write_csv(folder / "results.csv", rows, RESULTS)


def write_beside(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one of the tables beside the results whole."""
    _write_csv(folder / name, rows, BESIDE[name][0])


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    table = pa.Table.from_pylist(list(rows), schema)
    with machine_errors(f"{path}: writing it"):
        write_whole(path, lambda beside: pa.csv.write_csv(table, beside))


BESIDE: dict[str, tuple[pa.Schema, Callable[[Path], list[Row]]]] = {
    "timings.csv": (TIMINGS, read_timings),
    "similarity.csv": (SIMILARITIES, read_similarities),
    "history.csv": (HISTORY, read_epochs),
    "origins.csv": (ORIGINS, read_origin),
}
"""The tables of finished cells beside the results: columns, and what reads a run's rows."""
