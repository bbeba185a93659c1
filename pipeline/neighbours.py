"""The neighbours stage: the most similar items of each item, over the training part alone.

An item without neighbours has no rows; what it then gets is the augmentation's policy.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.config import NeighbourConfig
from pipeline.engine import Engine, open_engine, write_batches
from pipeline.files import digest_value
from pipeline.folder import building, carry
from pipeline.manifest import Manifest, Recorder, find_reusable, stage_key, verify_outputs
from pipeline.schemas import NEIGHBOURS, check_file
from pipeline.splits import read_split, register_split

FILE = "neighbours.parquet"
PAIRS_AT_ONCE = 20_000_000
"""Pairs of items that are summed at once; about 1 GB."""


def add_neighbours(
    prepared: Path, config: NeighbourConfig, memory: str = "4GB", threads: int = 2
) -> Manifest:
    """Add neighbours.parquet to a prepared folder, which is replaced as a whole.

    Errors: InputError where the folder is no prepared one.
    """
    source = verify_outputs(prepared, "prepare")
    settings = config.model_dump(mode="json")
    split = digest_value(read_split(prepared))
    inputs = {"sequences.parquet": source.outputs["sequences.parquet"], "split": split}
    reusable = find_reusable(prepared, "neighbours", stage_key("neighbours", settings, inputs))
    if reusable:
        return reusable
    recorder = Recorder("neighbours", settings, inputs)
    with building(prepared) as work:
        carry(prepared, work)
        (work / FILE).unlink(missing_ok=True)
        with open_engine(work, memory, threads) as engine:
            engine.parquet("sequences", prepared / "sequences.parquet")
            register_split(engine, read_split(prepared))
            batches = find_neighbours(engine, config)
            recorder.rows["neighbours"] = write_batches(batches, work / FILE, NEIGHBOURS)
            found = engine.connection.read_parquet(str(work / FILE)).unique("item_id")
            with_any = len(found.fetchall())
        items = source.rows["items"]
        recorder.rows |= {"items_without_neighbours": items - with_any}
        check_file(work / FILE)
        return recorder.write(work, prepared, [FILE])


def find_neighbours(engine: Engine, config: NeighbourConfig) -> Iterator[pa.RecordBatch]:
    """Give the neighbours, one range of items after the other, from `sequences` and the split."""
    engine.settings(similarity=config.similarity, top=config.top)
    engine.table("train_part", "50_train_part")
    engine.table("train_sizes", "51_train_sizes")
    engine.table("item_loads", "52_item_loads")
    loads = pa.Table.from_pylist(engine.rows("54_loads_out"))
    if len(loads) == 0:
        return
    ids, pairs = np.asarray(loads["item_id"]), np.asarray(loads["num_pairs"])
    chunk = (np.cumsum(pairs) - pairs) // PAIRS_AT_ONCE
    starts = np.flatnonzero(np.diff(chunk, prepend=-1))
    for first, stop in zip(starts, [*starts[1:], len(ids)], strict=True):
        engine.settings(first_item=int(ids[first]), last_item=int(ids[stop - 1]))
        yield from engine.batches("53_neighbours")
