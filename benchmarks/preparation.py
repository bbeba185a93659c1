r"""Time data preparation (raw dump to 5-core to sequences) beside other ways to do it.

    python benchmarks/preparation.py OUT.json --dump PATH --format amazon_ratings_2018

`duckdb` only counts the rows of the same file with the same columns parsed: what reading alone
costs. `copy` is DuckDB's own conversion of the file to Parquet, in its order, rows that it cannot
read left out: what reading and writing cost. `pandas` and `recbole` run in an environment of their
own (--recbole-python):

    python3 -m venv /tmp/recbole
    /tmp/recbole/bin/pip install "recbole==1.2.1" "setuptools<81" "numpy<2" "scipy<1.14" \
        "pandas<2.3" "torch==2.13.0"

Each run is a process of its own, which times its work without its imports; the peers take turns
within each repeat. OUT.json is written after every run. A peer that fails or whose counts differ
from --truth (a JSON file with `core`) or from basrec's is told so there.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from about import ROOT, about
from children import peak_mb, run_child, take_turns

PEERS = ("duckdb", "copy", "basrec", "pandas", "recbole")
HERE = ("duckdb", "copy", "basrec")
"""Those that run in this environment."""
SCANS = {
    "amazon_ratings_2018": """read_csv(?, header=false, ignore_errors=true,
        columns={asin: 'varchar', reviewerID: 'varchar', overall: 'float',
        unixReviewTime: 'bigint'})""",
    "amazon_2014": """read_json(?, format='newline_delimited', ignore_errors=true,
        columns={reviewerID: 'varchar', asin: 'varchar', overall: 'float',
        unixReviewTime: 'bigint'})""",
}
STATEMENTS = {
    "duckdb": "select count(reviewerID), count(asin), count(overall), count(unixReviewTime) from ",
    "copy": "copy (select reviewerID, asin, overall, unixReviewTime from ",
}


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--dump", type=Path, required=True)
    parser.add_argument("--format", choices=list(SCANS), required=True)
    parser.add_argument("--truth", type=Path, help="JSON with the exact counts under `core`")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--memory", default="4GB", help="for duckdb and basrec")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--recbole-python", default="/tmp/recbole/bin/python")
    parser.add_argument("--peer-python", help="for pandas; default: --recbole-python")
    parser.add_argument("--work", type=Path, help="where the throw-away folders go")
    parser.add_argument("--run-one", choices=list(HERE), help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.dump, args.out = args.dump.absolute(), args.out.absolute()
    args.peers = args.peers.split(",")
    unknown = sorted(set(args.peers) - set(PEERS))
    args.pythons = {
        "pandas": args.peer_python or args.recbole_python,
        "recbole": args.recbole_python,
    }
    needed = [Path(args.pythons[peer]) for peer in args.peers if peer in args.pythons]
    missing = [str(path) for path in [args.dump, *needed] if not path.is_file()]
    if unknown or missing or args.repeats < 1:
        parser.error(f"unknown peers {unknown}, no files {missing}, or repeats under 1")
    return args


def run_duckdb(args: argparse.Namespace) -> dict[str, Any]:
    """Count the rows of the dump, or convert it to Parquet; in the child."""
    import duckdb

    imported, started = peak_mb(), time.perf_counter()
    settings = {"memory_limit": args.memory, "threads": args.threads}
    with duckdb.connect(config=settings) as connection:
        statement = STATEMENTS[args.run_one] + SCANS[args.format]
        statement += ") to 'copy.parquet' (format parquet)" if args.run_one == "copy" else ""
        counts = connection.execute(statement, [str(args.dump)]).fetchone()
    seconds = time.perf_counter() - started
    versions = {"python": platform.python_version(), "duckdb": duckdb.__version__}
    rows = max(counts or (0,))
    return {"seconds": seconds, "rows": rows, "imports_mb": imported, "versions": versions}


def run_basrec(args: argparse.Namespace) -> dict[str, Any]:
    """Ingest and prepare the dump in the current folder; in the child."""
    sys.path.insert(0, str(ROOT))
    import duckdb

    from pipeline.config import DataConfig
    from pipeline.interactions import ingest
    from pipeline.preparation import prepare

    imported, started = peak_mb(), time.perf_counter()
    config = DataConfig(format=args.format, memory=args.memory, threads=args.threads)
    ingested = ingest([args.dump], Path("in"), config)
    between = time.perf_counter()
    prepare(Path("in"), Path("prepared"), config)
    ended = time.perf_counter()
    core = json.loads(Path("prepared/passport.json").read_text())["core"]
    return {
        "seconds": ended - started,
        "parts": {"ingest": between - started, "prepare": ended - between},
        "rows": ingested.rows["raw"],
        "result": {name: core[name] for name in ("users", "items", "interactions")},
        "imports_mb": imported,
        "versions": {"python": platform.python_version(), "duckdb": duckdb.__version__},
    }


def command_of(peer: str, args: argparse.Namespace) -> list[str]:
    """Give the command line of one run."""
    what = ["--dump", str(args.dump), "--format", args.format]
    if peer in HERE:
        limits = ["--memory", args.memory, "--threads", str(args.threads)]
        here = [sys.executable, str(Path(__file__).absolute()), "-"]
        return [*here, *what, *limits, "--peers", peer, "--run-one", peer]
    script = ROOT / "benchmarks" / "peers" / f"{peer}_way.py"
    python = Path(args.pythons[peer]).absolute()
    return [str(python), str(script), str(args.dump), args.format]


def run(peer: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run a peer once; give what it printed, and its peak memory."""
    return run_child(command_of(peer, args), args.threads, args.work)


def summarise(runs: dict[str, list[dict[str, Any]]], truth: dict[str, int]) -> dict[str, Any]:
    """Give each peer's medians, rates and ratios."""
    good = {peer: [one for one in done if "error" not in one] for peer, done in runs.items()}
    medians = {peer: median(one["seconds"] for one in done) for peer, done in good.items() if done}
    rows = max((one["rows"] for done in good.values() for one in done), default=0)
    if not truth and good.get("basrec"):
        truth = good["basrec"][0]["result"]
    told: dict[str, Any] = {}
    for peer, done in runs.items():
        told[peer] = {"errors": [one["error"] for one in done if "error" in one]}
        if peer not in medians:
            continue
        last, mid = good[peer][-1], medians[peer]
        told[peer] |= {
            "seconds": [round(one["seconds"], 3) for one in good[peer]],
            "median": round(mid, 3),
            "parts": medians_of_parts(good[peer]),
            "rows per second": round(rows / mid),
            "peak MB": max(one["peak_mb"] for one in good[peer]),
            "rows read": last["rows"],
            "result": last.get("result"),
            "differs": differences(good[peer], truth),
        }
        for other in HERE:
            if other in medians:
                told[peer][f"times {other}"] = round(mid / medians[other], 2)
    return told


def medians_of_parts(done: list[dict[str, Any]]) -> dict[str, float]:
    """Give the median seconds of each part of the work."""
    names = done[0].get("parts", {})
    return {name: round(median(one["parts"][name] for one in done), 3) for name in names}


def differences(done: list[dict[str, Any]], truth: dict[str, int]) -> list[dict[str, int]]:
    """Give, for each run with other counts than the truth, by how much they are off."""
    results = [one["result"] for one in done if "result" in one]
    off = [{name: result[name] - count for name, count in truth.items()} for result in results]
    return [entry for entry in off if any(entry.values())]


def describe(args: argparse.Namespace) -> dict[str, Any]:
    """Say what was run, and where."""
    return about("pipeline", "sql") | {
        "dump": {"name": args.dump.name, "bytes": args.dump.stat().st_size, "format": args.format},
        "memory": args.memory,
        "threads": args.threads,
        "unit": "seconds without imports; MB are MiB of the whole process; the dump is in the "
        "page cache; duckdb only counts rows, copy writes them to Parquet; only basrec sets bad "
        "rows aside and writes its result to disk; recbole stops before it makes sequences",
    }


def main() -> None:
    """Run the peers in turns and write the result after every run."""
    args = read_arguments()
    if args.run_one:
        print(json.dumps((run_basrec if args.run_one == "basrec" else run_duckdb)(args)))
        return
    described = describe(args)
    truth = json.loads(args.truth.read_text())["core"] if args.truth else {}
    runs: dict[str, list[dict[str, Any]]] = {peer: [] for peer in args.peers}
    subprocess.run(["cat", str(args.dump)], stdout=subprocess.DEVNULL, check=True)
    for repeat, peer in take_turns(args.peers, args.repeats):
        runs[peer].append(run(peer, args))
        told = described | {"truth": truth, "peers": summarise(runs, truth), "runs": runs}
        args.out.write_text(json.dumps(told, indent=2) + "\n")
        print(repeat, peer, runs[peer][-1], flush=True)


if __name__ == "__main__":
    main()
