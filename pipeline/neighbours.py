"""The neighbours stage: the most similar items of each item, over the training part alone.

An item without neighbours has no rows; what it then gets is the augmentation's policy.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.config import NeighbourConfig
from pipeline.engine import Engine, open_engine, write_batches
from pipeline.files import digest_value
from pipeline.folder import building, carry
from pipeline.manifest import Manifest, Recorder, find_reusable, stage_key, verify_outputs
from pipeline.schemas import NEIGHBOURS, check_file
from pipeline.similar import nearest_items
from pipeline.splits import read_split, register_split

FILE = "neighbours.parquet"


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
            found = engine.parquet_rows(work / FILE).unique("item_id")
            with_any = len(found.fetchall())
        items = source.rows["items"]
        recorder.rows |= {"items_without_neighbours": items - with_any}
        check_file(work / FILE)
        return recorder.write(work, prepared, [FILE])


def find_neighbours(engine: Engine, config: NeighbourConfig) -> Iterator[pa.RecordBatch]:
    """Give the neighbours, one range of items after the other, from `sequences` and the split."""
    part = engine.batches("50_train_part").read_all()
    users, items = (part[name].to_numpy() for name in ("user_id", "item_id"))
    return nearest_items(users, items, config)
