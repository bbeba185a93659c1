"""The rank of every held-out target of a run, so that users can be compared one by one.

ranks.parquet has a row a target: split, user_id (the prepared folder's), rank (1 is best).
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from basrec.errors import InputError
from basrec.files import write_whole
from basrec.split import Examples, Split

RANKS = "ranks.parquet"
Ranked = tuple[np.ndarray, np.ndarray]
"""User ids (E,) and ranks (E,) of the targets of a split."""


def write_ranks(folder: Path, ranked: dict[Split, tuple[Examples, Tensor]]) -> None:
    """Write ranks.parquet from the examples of each split and their ranks (E,)."""
    parts = [
        pa.table(
            {
                "split": pa.array([split] * len(examples), pa.string()),
                "user_id": pa.array(examples.user.cpu().numpy() + 1, pa.int32()),
                "rank": pa.array(ranks.cpu().numpy(), pa.float64()),
            }
        )
        for split, (examples, ranks) in ranked.items()
    ]
    table = pa.concat_tables(parts)
    write_whole(folder / RANKS, lambda beside: pq.write_table(table, beside))


def read_ranks(run: Path, split: str) -> Ranked | None:
    """Read a split's user ids and ranks; None where the run is of a version that kept none.

    Errors: InputError where the file is damaged.
    """
    path = run / RANKS
    if not path.is_file():
        return None
    try:
        table = pq.read_table(path, filters=[("split", "=", split)])
        return table["user_id"].to_numpy(), table["rank"].to_numpy()
    except (OSError, KeyError, pa.ArrowInvalid) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); train the run anew") from exc
