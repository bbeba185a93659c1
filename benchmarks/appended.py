r"""Time the ingest of a dump that grew: read whole beside going on from the earlier read.

    python benchmarks/appended.py OUT.json --dump PATH --format amazon_2014

The dump is cut before its last rows (--share of its bytes, at a line's end); the earlier read is of
what lies before the cut. Each run is a process of its own, which times its work without its
imports; the two take turns. Both must leave the same digests, or the run fails.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from about import ROOT, about
from children import peak_mb, run_child, take_turns

WAYS = ("whole", "appended")


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--dump", type=Path, required=True, help="not compressed")
    parser.add_argument("--format", required=True)
    parser.add_argument("--share", type=float, default=0.01, help="of the bytes, appended")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, help="where the throw-away folders go")
    parser.add_argument("--before", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--run-one", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.dump = args.dump.absolute()
    return args


def ingest_into(folder: Path, args: argparse.Namespace, dump: Path, before: Path | None) -> Any:
    """Ingest a dump; give the manifest."""
    sys.path.insert(0, str(ROOT))
    from pipeline.config import DataConfig
    from pipeline.interactions import ingest

    config = DataConfig(format=args.format, threads=args.threads)
    return ingest([dump], folder, config, before)


def run_one(args: argparse.Namespace) -> dict[str, Any]:
    """Ingest the grown dump in the current folder; in the child."""
    import pipeline.interactions  # noqa: F401  # its imports are not timed

    started, cpu = time.perf_counter(), time.process_time()
    before = args.before if args.run_one == "appended" else None
    manifest = ingest_into(Path("in"), args, args.dump, before)
    return {
        "seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "rows": manifest.rows["raw"],
        "taken over": manifest.rows["taken over"],
        "outputs": manifest.outputs,
        "imports_mb": peak_mb(),
    }


def write_beginning(dump: Path, share: float, target: Path) -> int:
    """Write all but the last share of a dump, up to a line's end; give its bytes."""
    with dump.open("rb") as file:
        file.seek(int(dump.stat().st_size * (1 - share)))
        file.readline()
        size = file.tell()
    shutil.copyfile(dump, target)
    os.truncate(target, size)
    return size


def summarise(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Give the medians of both ways and how much the one saves."""
    told: dict[str, Any] = {}
    for way, done in runs.items():
        told[way] = {
            name: median(one[name] for one in done) for name in ("seconds", "cpu_seconds")
        } | {"taken over": done[-1]["taken over"], "peak MB": max(one["peak_mb"] for one in done)}
    for name in ("seconds", "cpu_seconds"):
        ratio = told["whole"][name] / told["appended"][name]
        told[f"whole / appended, {name}"] = round(ratio, 2)
    return told


def main() -> None:
    """Run both ways in turns and write the result."""
    args = read_arguments()
    if args.run_one:
        print(json.dumps(run_one(args)))
        return
    described = about("pipeline", "sql")
    with tempfile.TemporaryDirectory(dir=args.work) as folder:
        # At the dump's own place in the list, so that only its size differs.
        begun = Path(folder, args.dump.name)
        size = write_beginning(args.dump, args.share, begun)
        before = Path(folder, "before").absolute()
        ingest_into(before, args, begun, None)
        subprocess.run(["cat", str(args.dump)], stdout=subprocess.DEVNULL, check=True)
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
        here = [sys.executable, str(Path(__file__).absolute()), "-", "--dump", str(args.dump)]
        here += ["--format", args.format, "--threads", str(args.threads), "--before", str(before)]
        for repeat, way in take_turns(list(WAYS), args.repeats):
            done = run_child([*here, "--run-one", way], args.threads, args.work, str(ROOT))
            runs[way].append(done)
            print(repeat, way, done, flush=True)
    outputs = {json.dumps(one.pop("outputs")) for done in runs.values() for one in done}
    if len(outputs) > 1:
        raise SystemExit("the two ways differ in what they wrote")
    described |= {
        "dump": {"bytes": args.dump.stat().st_size, "before": size, "format": args.format},
        "rows": runs["whole"][0]["rows"],
        "unit": "seconds without imports, the dump in the page cache; MB are MiB of the process",
    }
    told = described | summarise(runs) | {"outputs": json.loads(outputs.pop()), "runs": runs}
    args.out.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
