"""Generated items on disk: generated.parquet, a row a user, oldest first."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from basrec.errors import InputError
from basrec.files import write_whole
from basrec.prepared import Prepared, read_columns
from basrec.prior import Prior

PRIOR_FILE = "generated.parquet"


def write_prior(folder: Path, prior: Prior) -> None:
    """Write user_id INT32 (1..n) and items LIST<INT32>."""
    offsets = pa.array(prior.offsets.numpy(), pa.int32())
    items = pa.ListArray.from_arrays(offsets, pa.array(prior.items.cpu().numpy(), pa.int32()))
    users = pa.array(np.arange(1, len(prior.offsets)), pa.int32())
    table = pa.table({"user_id": users, "items": items})
    write_whole(folder / PRIOR_FILE, lambda beside: pq.write_table(table, beside))


def with_prior(prepared: Prepared, folder: Path) -> Prepared:
    """Give the dataset with the generated items of a folder, or as it is where there are none.

    Errors: InputError where they are not of these users and items.
    """
    path = folder / PRIOR_FILE
    if not path.exists():
        return prepared
    table = read_columns(path, ["user_id", "items"], "generate it again")
    lists = table.column("items").combine_chunks()
    items = torch.from_numpy(np.asarray(lists.flatten(), dtype=np.int64))
    users = np.asarray(table.column("user_id"))
    is_known = not len(items) or 1 <= int(items.min()) <= int(items.max()) <= prepared.num_items
    if not np.array_equal(users, np.arange(1, prepared.num_users + 1)) or not is_known:
        raise InputError(
            f"{path}: not of the {prepared.num_users} users and {prepared.num_items} items of the "
            "prepared folder; generate it again from there"
        )
    counts = torch.from_numpy(np.asarray(lists.value_lengths(), dtype=np.int64))
    return replace(prepared, prior=Prior.of(items.to(prepared.items.device), counts))
