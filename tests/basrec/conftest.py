"""A small prepared folder, written the way the pipeline promises it."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basrec.prepared import Prepared, read_prepared


def write_prepared(folder: Path, sequences: list[list[int]], neighbours: dict[int, int]) -> Path:
    """Write sequences and first neighbours as a prepared folder."""
    folder.mkdir(parents=True, exist_ok=True)
    num_items = max(max(sequence) for sequence in sequences if sequence)
    users = pa.array(range(1, len(sequences) + 1), pa.int32())
    lists = pa.array(sequences, pa.list_(pa.int32()))
    pq.write_table(pa.table({"user_id": users, "items": lists}), folder / "sequences.parquet")
    ids = pa.array(range(1, num_items + 1), pa.int32())
    names = pa.array([f"item {number}" for number in range(1, num_items + 1)])
    pq.write_table(pa.table({"item_id": ids, "item": names}), folder / "items.parquet")
    table = pa.table(
        {
            "item_id": pa.array(list(neighbours), pa.int32()),
            "rank": pa.array([1] * len(neighbours), pa.int16()),
            "neighbour_id": pa.array(list(neighbours.values()), pa.int32()),
            "similarity": pa.array([0.5] * len(neighbours), pa.float32()),
        }
    )
    pq.write_table(table, folder / "neighbours.parquet")
    passport = {"protocol": {"split": {"rule": "leave_one_out"}}}
    (folder / "passport.json").write_text(json.dumps(passport))
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 users, 40 items, lengths 5 to 20; item i is often followed by i + 1."""
    random = np.random.default_rng(3)
    sequences = []
    for _ in range(60):
        steps = random.choice([1, 1, 1, 7], size=int(random.integers(5, 21)))
        sequences.append(((random.integers(40) + np.cumsum(steps)) % 40 + 1).tolist())
    sequences[0], sequences[1] = list(range(1, 21)), list(range(21, 41))  # all items appear
    neighbours = {item: item % 40 + 1 for item in range(1, 39)}
    return write_prepared(tmp_path_factory.mktemp("prepared"), sequences, neighbours)


@pytest.fixture(scope="session")
def prepared(folder: Path) -> Prepared:
    """Read the small prepared folder."""
    return read_prepared(folder)
