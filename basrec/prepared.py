"""Read a prepared folder into flat arrays.

Shapes: U users, V items, N interactions. Items are numbered 1..V; 0 is no item.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from basrec.errors import InputError
from basrec.files import digest_file, read_json
from basrec.prior import Prior

SPLIT_NUMBERS: dict[str, tuple[str, ...]] = {
    "leave_one_out": (),
    "last_n": ("held_out",),
    "global_time": ("validation_from", "test_from"),
}
"""The rules of splitting, and what each says in numbers."""


COLUMNS = {
    **dict.fromkeys(("user_id", "item_id", "neighbour_id"), pa.int32()),
    "rank": pa.int16(),
    "items": pa.list_(pa.int32()),
    "timestamps": pa.list_(pa.int64()),
}
"""The types that the prepared folder promises."""


@dataclass(frozen=True)
class Bounds:
    """Where each user's training part ends and its test part begins, in items from its start.

    Shapes: train, test (U,), on the host; below 1 where a user has too few items.
    """

    train: Tensor
    test: Tensor


def bounds_by_place(offsets: Tensor, held_out: int = 1) -> Bounds:
    """Hold out each user's last `held_out` items for test and as many before for validation."""
    length = offsets.diff()
    return Bounds(length - 2 * held_out, length - held_out)


@dataclass(frozen=True)
class Prepared:
    """The sequences of all users, one after the other, and each item's most similar item.

    Shapes: items (N,), offsets (U + 1,), neighbour (V + 1,), where 0 means none. `split` is the
    rule by which `bounds` came about; `prior` holds what was generated to come before.
    """

    items: Tensor
    offsets: Tensor
    neighbour: Tensor
    num_items: int
    digests: dict[str, str]
    split: dict[str, Any] = field(default_factory=lambda: {"rule": "leave_one_out"})
    own_bounds: Bounds | None = None
    prior: Prior | None = None

    @property
    def bounds(self) -> Bounds:
        """The bounds of the split; by default those of leave-one-out."""
        return self.own_bounds or bounds_by_place(self.offsets)

    @property
    def num_users(self) -> int:
        """How many users there are."""
        return len(self.offsets) - 1

    def to(self, device: torch.device) -> "Prepared":
        """Move what the device works on; offsets stay on the host, which plans the batches."""
        items, neighbour = self.items.to(device), self.neighbour.to(device)
        prior = self.prior.to(device) if self.prior else None
        return replace(self, items=items, neighbour=neighbour, prior=prior)


def read_prepared(folder: Path) -> Prepared:
    """Read sequences, items and (where they are) neighbours of a prepared folder.

    Errors: InputError where a file is missing or is not what the folder promises.
    """
    items, offsets = _read_sequences(folder / "sequences.parquet")
    num_items = int(read_columns(folder / "items.parquet", ["item_id"]).num_rows)
    if len(items) and not 1 <= items.min() <= items.max() <= num_items:
        raise InputError(
            f"{folder / 'sequences.parquet'}: item ids outside 1..{num_items}; prepare it again"
        )
    names = ["sequences.parquet", "items.parquet", "neighbours.parquet"]
    digests = {name: digest_file(folder / name) for name in names if (folder / name).exists()}
    neighbour = _read_neighbours(folder / "neighbours.parquet", num_items)
    places = torch.from_numpy(offsets)
    split, bounds = _read_split(folder, places)
    if split["rule"] != "leave_one_out":  # then it decides what a run comes to
        digests["split"] = json.dumps(split, sort_keys=True)
    return Prepared(torch.from_numpy(items), places, neighbour, num_items, digests, split, bounds)


def _read_split(folder: Path, offsets: Tensor) -> tuple[dict[str, Any], Bounds]:
    """Read the rule that the passport states.

    Errors: InputError where it states none that is known.
    """
    path = folder / "passport.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file, and it says the split; make the folder again")
    passport = read_json(path)
    try:
        stated = passport["protocol"]["split"]
        split = {"rule": stated["rule"]}
        split |= {name: int(stated[name]) for name in SPLIT_NUMBERS[stated["rule"]]}
    except (KeyError, TypeError, ValueError) as exc:
        raise InputError(
            f"{path}: states no split that is known (known: {', '.join(SPLIT_NUMBERS)}); make the "
            "folder again"
        ) from exc
    if split["rule"] != "global_time":
        return split, bounds_by_place(offsets, split.get("held_out", 1))
    table = read_columns(folder / "sequences.parquet", ["timestamps"])
    times = np.asarray(table.column("timestamps").combine_chunks().flatten(), dtype=np.int64)
    train, test = (
        torch.from_numpy(np.diff(np.concatenate([[0], np.cumsum(times < split[name])])[offsets]))
        for name in ("validation_from", "test_from")
    )
    return split, Bounds(train, test)


def read_columns(path: Path, columns: list[str], advice: str = "prepare it again") -> pa.Table:
    """Read columns of a Parquet file, as COLUMNS types them and with no empty place.

    Errors: InputError where they cannot be read so.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; make the folder with 'basrec prepare'")
    try:
        table = pq.read_table(path, columns=columns)
        told = table.cast(pa.schema([(name, COLUMNS[name]) for name in columns]))
    except (pa.ArrowException, OSError, ValueError) as exc:  # ValueError: not these columns
        raise InputError(f"{path}: cannot be read ({exc}); {advice}") from exc
    for name in columns:
        values = told.column(name).combine_chunks()
        inner = values.flatten() if pa.types.is_list(values.type) else values
        if values.null_count or inner.null_count:
            raise InputError(f"{path}: column {name!r} has empty places; {advice}")
    return told


def _read_sequences(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Give the flat items (N,) and the offsets (U + 1,), users in the order of their ids."""
    table = read_columns(path, ["user_id", "items"])
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
        table = read_columns(path, ["item_id", "rank", "neighbour_id"])
        first = np.asarray(table.column("rank")) == 1
        ids = torch.from_numpy(np.asarray(table.column("item_id"), dtype=np.int64)[first])
        values = np.asarray(table.column("neighbour_id"), dtype=np.int64)[first]
        if (
            len(ids)
            and not 1 <= min(ids.min(), values.min()) <= max(ids.max(), values.max()) <= num_items
        ):
            raise InputError(f"{path}: item ids outside 1..{num_items}; prepare it again")
        neighbour[ids] = torch.from_numpy(values)
    return neighbour
