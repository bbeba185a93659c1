"""Read a prepared folder into flat arrays.

Shapes: U users, V items, N interactions. Items are numbered 1..V; 0 is no item.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from basrec.errors import InputError
from basrec.files import digest_file


@dataclass(frozen=True)
class Prepared:
    """The sequences of all users, one after the other, and each item's most similar item.

    Shapes: items (N,), offsets (U + 1,), neighbour (V + 1,), where 0 means none.
    """

    items: Tensor
    offsets: Tensor
    neighbour: Tensor
    num_items: int
    digests: dict[str, str]

    @property
    def num_users(self) -> int:
        """How many users there are."""
        return len(self.offsets) - 1

    def to(self, device: torch.device) -> "Prepared":
        """Move what the device works on; offsets stay on the host, which plans the batches."""
        return Prepared(
            self.items.to(device),
            self.offsets,
            self.neighbour.to(device),
            self.num_items,
            self.digests,
        )


def read_prepared(folder: Path) -> Prepared:
    """Read sequences, items and (where they are) neighbours of a prepared folder.

    Errors: InputError where a file is missing or is not what the folder promises.
    """
    items, offsets = _read_sequences(folder / "sequences.parquet")
    num_items = int(_read_table(folder / "items.parquet", ["item_id"]).num_rows)
    if len(items) and not 1 <= items.min() <= items.max() <= num_items:
        raise InputError(
            f"{folder / 'sequences.parquet'}: item ids outside 1..{num_items}; prepare it again"
        )
    names = ["sequences.parquet", "items.parquet", "neighbours.parquet"]
    digests = {name: digest_file(folder / name) for name in names if (folder / name).exists()}
    neighbour = _read_neighbours(folder / "neighbours.parquet", num_items)
    return Prepared(
        torch.from_numpy(items), torch.from_numpy(offsets), neighbour, num_items, digests
    )


def _read_table(path: Path, columns: list[str]) -> pa.Table:
    """Read columns of a Parquet file of the prepared folder."""
    if not path.exists():
        raise InputError(f"{path}: no such file; make the folder with 'basrec prepare'")
    try:
        return pq.read_table(path, columns=columns)
    except (pa.ArrowException, OSError) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); prepare it again") from exc


def _read_sequences(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Give the flat items (N,) and the offsets (U + 1,), users in the order of their ids."""
    table = _read_table(path, ["user_id", "items"])
    lists = table.column("items").combine_chunks()
    order = np.asarray(table.column("user_id"))
    if not np.array_equal(order, np.arange(1, len(order) + 1)):
        raise InputError(f"{path}: user_id is not 1..{len(order)} in order; prepare it again")
    lengths = np.asarray(lists.value_lengths(), dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.asarray(lists.flatten(), dtype=np.int64), offsets


def _read_neighbours(path: Path, num_items: int) -> Tensor:
    """Give each item's first neighbour, (V + 1,), 0 where there is none or no file."""
    neighbour = torch.zeros(num_items + 1, dtype=torch.int64)
    if path.exists():
        table = _read_table(path, ["item_id", "rank", "neighbour_id"])
        first = np.asarray(table.column("rank")) == 1
        ids = torch.from_numpy(np.asarray(table.column("item_id"), dtype=np.int64)[first])
        values = np.asarray(table.column("neighbour_id"), dtype=np.int64)[first]
        neighbour[ids] = torch.from_numpy(values)
    return neighbour
