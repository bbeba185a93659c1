r"""Time training, evaluation and best items beside other implementations, on one prepared folder.

    python benchmarks/training.py PREPARED OUT.json [--contenders basrec,plain,rectools,recbole]
        [--only neighbours]

`plain` is the published code's manner (peers/published_way.py). `rectools` and `recbole` run in
environments of their own (--rectools, --recbole):

    python3 -m venv /tmp/rectools
    /tmp/rectools/bin/pip install "rectools[torch]==0.19.0" "torch==2.13.0"
    python3 -m venv /tmp/recbole
    /tmp/recbole/bin/pip install "recbole==1.2.1" "setuptools<81" "numpy<2" "scipy<1.14" \
        "pandas<2.3" "torch==2.13.0"

Each run is a process of its own; the contenders take turns within each round, and a ratio is taken
within its round. OUT.json is written after every run. A contender that fails, or trains on another
number of positions than basrec, is told so there.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from about import ROOT, about
from children import run_child, take_turns

SCRIPTS = {
    "basrec": "basrec_train.py",
    "plain": "plain_train.py",
    "rectools": "rectools_way.py",
    "recbole": "recbole_train.py",
}
AGAINST = {
    "stage2_step": ("stage2_step_shared", "stage2_step_encode"),
    "stage2_epoch": ("stage2_epoch_shared", "stage2_epoch_encode"),
    "stage1_epoch_ce": ("stage1_epoch",),
    "stage1_epoch_bpr": ("stage1_epoch",),
}
"""What of basrec's a measure is held against, where that has another name."""
NOTES = {
    "unit": "seconds without imports and without reading the data; MB are MiB of the whole process "
    "at its peak",
    "step": "the median of the work on a batch and the mean of getting it, after 3 steps that are "
    "not timed; rectools: the median from the end of a batch to the end of the next",
    "epoch": "the step times the batches of an epoch; stage1_epoch_whole: one epoch, timed",
    "shared, encode": "augmentation.partner_padding; encode is what the published code does",
    "evaluate": "the rank of every user's test item among all items; recbole leaves the user's "
    "items in the ranking, plain and recbole make metrics of it too",
    "top20": "the 20 best items for every user, without those of the input",
    "neighbours": "the most similar items, from sequences on disk or in memory: basrec ten of "
    "each, plain one; neighbours_stage: basrec's whole stage, which starts by checking digests and "
    "ends with a checked file",
    "rectools": "SASRec with BCE and one negative; feed-forward part of width 64, not 256; uniform "
    "negatives that may be known items; knows only the items that it trains on",
    "recbole": "a sample is one prefix with one target, so an epoch has more batches and its step "
    "(prefix_step) is not held against basrec's; no BCE there: ce (its default) is over all items, "
    "bpr has one negative",
    "ratio": "the contender's seconds over basrec's of the same round: median, min, max",
}


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60, help="plain, recbole: a quarter of it")
    parser.add_argument("--kernels", choices=("auto", "compiled", "plain"), default="auto")
    parser.add_argument("--plain-users", type=int, default=24_000, help="that plain evaluates")
    parser.add_argument("--rectools", default="/tmp/rectools/bin/python")
    parser.add_argument("--recbole", default="/tmp/recbole/bin/python")
    parser.add_argument("--only", choices=("all", "neighbours"), default="all")
    parser.add_argument("--contenders", default=",".join(SCRIPTS))
    parser.add_argument("--work", type=Path, help="where the throw-away folders go")
    args = parser.parse_args()
    args.prepared, args.out = args.prepared.absolute(), args.out.absolute()
    args.contenders = args.contenders.split(",")
    unknown = sorted(set(args.contenders) - set(SCRIPTS))
    args.pythons = {name: Path(python_of(name, args)).absolute() for name in args.contenders}
    needed = [args.prepared / f"{name}.parquet" for name in ("sequences", "items", "neighbours")]
    missing = [str(path) for path in (*needed, *args.pythons.values()) if not path.is_file()]
    if unknown or missing or min(args.repeats, args.threads, args.steps, args.plain_users) < 1:
        parser.error(f"unknown contenders {unknown}, no files {missing}, or a number under 1")
    return args


def python_of(contender: str, args: argparse.Namespace) -> str:
    """Give the interpreter of a contender."""
    return {"rectools": args.rectools, "recbole": args.recbole}.get(contender, sys.executable)


def write_sequences(prepared: Path, path: Path) -> None:
    """Write the sequences in a form that every environment reads."""
    lists = pq.read_table(prepared / "sequences.parquet")["items"].combine_chunks()
    lengths = np.asarray(lists.value_lengths(), dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    np.savez(path, items=np.asarray(lists.flatten(), dtype=np.int64), offsets=offsets)


def run(contender: str, args: argparse.Namespace, sequences: Path) -> dict[str, Any]:
    """Run a contender once; give what it printed, and its peak memory."""
    options = {
        "prepared": str(args.prepared),
        "sequences": str(sequences),
        "threads": args.threads,
        "steps": args.steps,
        "few_steps": max(3, args.steps // 4),
        "plain_users": args.plain_users,
        "kernels": args.kernels,
        "only": args.only,
    }
    script = ROOT / "benchmarks" / "peers" / SCRIPTS[contender]
    command = [str(args.pythons[contender]), str(script), json.dumps(options)]
    here = args.pythons[contender] == Path(sys.executable).absolute()
    path = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")]) if here else None
    return run_child(command, args.threads, args.work, path)


def spread(values: list[float]) -> dict[str, float]:
    """Give the median and the bounds."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def summarise(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Give every contender's measures, their ratios to basrec's, its memory and its facts."""
    ours, told = runs.get("basrec", []), dict[str, Any]()
    for contender, done in runs.items():
        good = [one for one in done if "error" not in one]
        told[contender] = {"errors": [one["error"] for one in done if "error" in one]}
        if not good:
            continue
        measures: dict[str, Any] = {}
        for name in good[0]["seconds"]:
            values = [one["seconds"][name] for one in good]
            measures[name] = {"values": values} | spread(values)
            if contender != "basrec":
                measures[name] |= ratios(name, ours, done)
        told[contender] |= {
            "measures": measures,
            "peak MB": spread([one["peak_mb"] for one in good]),
            "peak MB after each": good[-1]["peak_mb_after"],
            "facts": good[-1]["facts"],
            "versions": good[-1]["versions"],
            "positions differ": positions_differ(ours, good[-1]),
        }
    return told


def ratios(
    name: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]
) -> dict[str, dict[str, float]]:
    """Give the ratios of a measure to those of basrec's that it is held against."""
    told = {}
    for own in AGAINST.get(name, (name,)):
        values = [
            their["seconds"][name] / our["seconds"][own]
            for our, their in zip(ours, theirs, strict=False)
            if own in our.get("seconds", {}) and "error" not in their
        ]
        if values:
            told[f"times {own}"] = spread(values)
    return told


def positions_differ(ours: list[dict[str, Any]], theirs: dict[str, Any]) -> int | None:
    """Give how many more positions a contender trains on than basrec; None where unknown."""
    own = next((one["facts"].get("positions") for one in ours if "facts" in one), None)
    facts = theirs["facts"]
    other = facts.get("positions", facts.get("samples"))
    return None if own is None or other is None else other - own


def describe(args: argparse.Namespace) -> dict[str, Any]:
    """Say what was run, and where."""
    passport = json.loads((args.prepared / "passport.json").read_text())
    return about("basrec", "pipeline") | {
        "prepared": {"digest": passport["digest"], "core": passport["core"]},
        "threads": args.threads,
        "kernels": args.kernels,
        "notes": NOTES,
    }


def main() -> None:
    """Run the contenders in turns and write the result after every run."""
    args = read_arguments()
    described = describe(args)
    runs: dict[str, list[dict[str, Any]]] = {contender: [] for contender in args.contenders}
    with tempfile.TemporaryDirectory(dir=args.work) as folder:
        sequences = Path(folder, "sequences.npz")
        write_sequences(args.prepared, sequences)
        for repeat, contender in take_turns(args.contenders, args.repeats):
            runs[contender].append(run(contender, args, sequences))
            told = described | {"contenders": summarise(runs), "runs": runs}
            args.out.write_text(json.dumps(told, indent=2) + "\n")
            print(repeat, contender, runs[contender][-1], flush=True)


if __name__ == "__main__":
    main()
