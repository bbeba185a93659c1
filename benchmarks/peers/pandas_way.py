"""Prepare a dump the usual way, with pandas, and print what it took as a line of JSON.

    python pandas_way.py DUMP FORMAT

Run by benchmarks/preparation.py in an environment that has pandas; nothing is written to disk.
"""

import gzip
import json
import resource
import sys
import time
from pathlib import Path

import pandas as pd

NAMES = ["user", "item", "rating", "timestamp"]
JSON_NAMES = ["reviewerID", "asin", "overall", "unixReviewTime"]
CSV_NAMES = ["item", "user", "rating", "timestamp"]
MIN_COUNT = 5


def read_json_lines(dump: Path) -> pd.DataFrame:
    """Parse line by line; a line that is not JSON or lacks a field is skipped."""
    rows = []
    with gzip.open(dump, "rb") as file:
        for line in file:
            try:
                record = json.loads(line)
                rows.append([record[name] for name in JSON_NAMES])
            except (ValueError, KeyError, TypeError):
                continue
    return pd.DataFrame(rows, columns=NAMES)


def read_frame(dump: Path, layout: str) -> pd.DataFrame:
    """Give the good rows of a dump, in its order."""
    if layout == "amazon_2014":
        frame = read_json_lines(dump)
    else:
        types = {"user": str, "item": str}
        frame = pd.read_csv(
            dump, header=None, names=CSV_NAMES, dtype=types, on_bad_lines="skip", low_memory=False
        )[NAMES]
    for name in ("rating", "timestamp"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame.dropna()


def find_core(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop users and items with fewer than MIN_COUNT rows until none is left."""
    while True:
        size = len(frame)
        for name in ("user", "item"):
            counts = frame[name].value_counts()
            frame = frame[frame[name].isin(counts.index[counts >= MIN_COUNT])]
        if len(frame) == size:
            return frame


def sequences(core: pd.DataFrame) -> pd.Series:
    """Give each user's items, numbered from 1, oldest first."""
    core = core.assign(item=pd.factorize(core["item"])[0] + 1)
    core = core.sort_values(["user", "timestamp"], kind="stable")
    return core.groupby("user")["item"].apply(list)


def peak_mb() -> float:
    """Give this process's peak resident memory so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main() -> None:
    """Prepare the dump and print the seconds and counts."""
    dump, layout = Path(sys.argv[1]), sys.argv[2]
    imported = peak_mb()
    started = time.perf_counter()
    frame = read_frame(dump, layout)
    was_read = time.perf_counter()
    rows = len(frame)
    core = find_core(frame)
    cored = time.perf_counter()
    made = sequences(core)
    ended = time.perf_counter()
    counts = {"users": len(made), "items": core["item"].nunique(), "interactions": len(core)}
    told = {
        "seconds": ended - started,
        "parts": {
            "read": was_read - started,
            "core": cored - was_read,
            "sequences": ended - cored,
        },
        "rows": rows,
        "result": counts,
        "imports_mb": imported,
        "versions": {"python": sys.version.split()[0], "pandas": pd.__version__},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
