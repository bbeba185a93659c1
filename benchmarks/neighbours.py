"""Time and memory of exact item neighbours on a made-up catalogue of any size.

    python benchmarks/neighbours.py OUT.json [--items 1000000] [--interactions 50000000]
        [--memory 4GB] [--threads 2] [--work /tmp]

Users have 10 interactions each; items are drawn with a popularity that falls as 1 / rank^0.7. The
numbers of a single run are written with the machine and the versions.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from about import about

from pipeline.config import NeighbourConfig
from pipeline.files import write_json
from pipeline.manifest import Recorder
from pipeline.neighbours import add_neighbours
from pipeline.schemas import ITEMS, SEQUENCES

LENGTH = 10
USERS_AT_ONCE = 500_000
START = 1_546_300_800


def main() -> None:
    """Write the catalogue, find its neighbours and record what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--interactions", type=int, default=50_000_000)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.work) as name:
        folder = Path(name) / "prepared"
        write_catalogue(folder, args.items, args.interactions // LENGTH)
        built = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        command = [sys.executable, __file__, "--run", str(folder), args.memory, str(args.threads)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    facts = about("pipeline", "sql") | {
        "items": args.items,
        "interactions": args.interactions,
        "memory_setting": args.memory,
        "threads": args.threads,
        "building_peak_mb": built >> 10,
    }
    write_json(args.out, facts | found)
    print(json.dumps(facts | found, indent=2))


def write_catalogue(folder: Path, num_items: int, num_users: int) -> None:
    """Write what the neighbours stage reads of a prepared folder."""
    folder.mkdir()
    random = np.random.default_rng(1)
    share = np.cumsum(np.arange(1, num_items + 1) ** -0.7)
    share /= share[-1]
    ids = pa.array(np.arange(1, num_items + 1, dtype=np.int32))
    names = pa.array([f"i{number}" for number in range(1, num_items + 1)])
    pq.write_table(pa.Table.from_arrays([ids, names], schema=ITEMS), folder / "items.parquet")
    with pq.ParquetWriter(folder / "sequences.parquet", SEQUENCES) as writer:
        for first in range(0, num_users, USERS_AT_ONCE):
            users = np.arange(first + 1, min(first + USERS_AT_ONCE, num_users) + 1, dtype=np.int32)
            items = np.searchsorted(share, random.random(len(users) * LENGTH)).astype(np.int32) + 1
            offsets = pa.array(np.arange(0, len(items) + 1, LENGTH, dtype=np.int32))
            times = np.tile(START + 86_400 * np.arange(LENGTH), len(users))
            lists = [pa.ListArray.from_arrays(offsets, pa.array(part)) for part in (items, times)]
            writer.write_table(pa.Table.from_arrays([pa.array(users), *lists], schema=SEQUENCES))
    write_json(folder / "passport.json", {"protocol": {"split": {"rule": "leave_one_out"}}})
    recorder = Recorder("prepare", {}, {})
    recorder.rows |= {"items": num_items, "users": num_users}
    recorder.write(folder, folder, ["items.parquet", "sequences.parquet", "passport.json"])


def run(folder: Path, memory: str, threads: int) -> dict[str, Any]:
    """Find the neighbours; in a process of its own, so that the peak is this work's alone."""
    manifest = add_neighbours(folder, NeighbourConfig(top=10), memory, threads)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": manifest.seconds, "peak_mb": peak >> 10, "rows": manifest.rows}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(run(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
    else:
        main()
