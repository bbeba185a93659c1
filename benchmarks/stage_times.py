"""Time each stage on the four published datasets, from raw dumps of their size.

    python benchmarks/stage_times.py SHARED OUT.json [NAME ...]

SHARED holds `data/` and `tools/` (see data/README.md there); Home has no real dump, so one is made
from its sequences. With names, only those are measured again. Each stage runs in this process,
once: leave the machine alone meanwhile, for a second busy process can make two threads ten times
slower.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from about import about

from basrec.config import ModelConfig
from basrec.evaluation import measure
from basrec.model import build_recommender
from basrec.prepared import read_prepared
from basrec.rng import generator
from basrec.training import train
from flows.config import resolve
from pipeline.datasets import load_dataset
from pipeline.interactions import ingest
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from pipeline.schemas import validate

RAW = {
    "beauty": "reviews_Beauty_5.reconstructed.json.gz",
    "sports": "reviews_Sports_and_Outdoors_5.reconstructed.json.gz",
    "yelp": "yelp_academic_dataset_review.reconstructed.json.gz",
}


def make_home(shared: Path, folder: Path) -> Path:
    """Write Home's sequences out as an Amazon 2014 dump."""
    raw = folder / "home.json.gz"
    command = [sys.executable, str(shared / "tools" / "make_raw_dump.py")]
    command += [str(shared / "data" / "sequences" / "Home.txt.gz"), "--format", "amazon_2014"]
    command += ["--out", str(raw), "--truth", str(folder / "truth.json"), "--shell", "0"]
    subprocess.run(command, check=True, capture_output=True)
    return raw


def time_stages(name: str, raw: Path, folder: Path) -> dict[str, Any]:
    """Run every stage of one dataset and give the seconds of each."""
    config = resolve(None, name, ["preset=reference"])
    known, prepared = load_dataset(name), folder / "prepared"
    told: dict[str, Any] = {}
    stages = {
        "ingest": lambda: ingest([raw], folder / "ingested", config.data),
        "prepare": lambda: prepare(folder / "ingested", prepared, config.data, known.published),
        "neighbours": lambda: add_neighbours(prepared, config.neighbours),
        "validate": lambda: validate(prepared),
    }
    for stage, work in stages.items():
        started = time.monotonic()
        work()
        told[stage] = round(time.monotonic() - started, 2)
    passport = json.loads((prepared / "passport.json").read_text())
    told["difference"] = passport["published"]["difference"]
    return told | time_training(name, prepared, folder)


def time_training(name: str, prepared: Path, folder: Path) -> dict[str, Any]:
    """Time an epoch of each stage under two presets, and one evaluation."""
    told: dict[str, Any] = {}
    for preset in ("paper", "reference"):
        sets = ["train.stage1.epochs=1", "train.stage2.epochs=1", f"preset={preset}"]
        seen: list[dict[str, Any]] = []
        config = resolve(None, name, [*sets, "train.threads=0"]).for_method("basrec")
        train(prepared, folder / preset, config, on_epoch=seen.append)
        for line in seen:
            name_of = f"epoch of stage {line['stage']} with its validation, {preset}"
            told[name_of] = round(line["seconds"], 2)
    data = read_prepared(prepared)
    model = build_recommender(data.num_items, ModelConfig(), generator(1, "weights"))
    started = time.monotonic()
    measure(model, data, "test", resolve(None, name).training.evaluation)
    return told | {"evaluation of all users": round(time.monotonic() - started, 2)}


def main() -> None:
    """Time all four datasets and write the result."""
    shared, out = Path(sys.argv[1]), Path(sys.argv[2])
    names = sys.argv[3:] or ["beauty", "sports", "yelp", "home"]
    results: dict[str, Any] = json.loads(out.read_text())["datasets"] if sys.argv[3:] else {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            raw = shared / "data" / "raw" / RAW[name] if name in RAW else make_home(shared, place)
            results[name] = time_stages(name, raw, place)
        print(name, results[name], flush=True)
    described = about("basrec", "pipeline", "sql") | {
        "unit": "seconds, one run",
        "threads": torch.get_num_threads(),
    }
    out.write_text(json.dumps(described | {"datasets": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
