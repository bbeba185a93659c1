"""The most similar items of each item: a sparse product, and the best of each row.

Two items are as similar as the summed weight of their common users, over the root of the product of
their numbers of users.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
from scipy import sparse

from pipeline.config import NeighbourConfig
from pipeline.schemas import NEIGHBOURS

PAIRS_AT_ONCE = 100_000
"""Pairs of items that are summed at once: few enough to stay in the caches."""
PLACES = 12
"""Similarities are rounded before they are ranked, so that the order of a sum cannot matter."""
STEP = 1 << 40
"""Between the sort keys of two rows: more than 10 ** PLACES. 2 ** 23 rows fit into 64 bits."""


def nearest_items(
    users: np.ndarray, items: np.ndarray, config: NeighbourConfig
) -> Iterator[pa.RecordBatch]:
    """Give (item_id, rank, neighbour_id, similarity), a range of items after the other.

    users, items (N,): distinct pairs of ids from 1. Of equal neighbours the smaller id comes first.
    Source: ItemCF-IUF for `iuf`, which weighs a user by 1 / log(1 + number of its items).
    """
    if len(items) == 0:
        return
    by_item = sparse.csr_array((np.ones(len(items)), (items, users)))
    by_user = by_item.T.tocsr()
    sizes, counts = np.diff(by_user.indptr), np.diff(by_item.indptr)
    if config.similarity == "iuf":
        by_user.data = np.repeat(1.0 / np.log1p(np.maximum(sizes, 1)), sizes)
    # An item counts at least once, so that neither pairs nor rows are too many.
    loads = np.cumsum(np.maximum(by_item @ sizes, 1)).astype(np.int64)
    chunk = (loads - loads[0]) // PAIRS_AT_ONCE
    edges = np.flatnonzero(np.diff(chunk, prepend=-1, append=-1))
    for first, last in pairwise(edges.tolist()):
        yield _best_of_rows(by_item[first:last] @ by_user, counts, first, config.top)


def _best_of_rows(
    sums: sparse.csr_array, counts: np.ndarray, first: int, top: int
) -> pa.RecordBatch:
    """Rank the summed weights (R, V) of the items from `first` on, without an item itself."""
    row, column = np.repeat(np.arange(sums.shape[0]), np.diff(sums.indptr)), sums.indices
    other = row + first != column
    row, column, weight = row[other], column[other], sums.data[other]
    root = np.sqrt(counts[row + first].astype(np.float64) * counts[column])
    similarity = np.round(weight / root, PLACES)
    # Ascending keys are rows, and in a row the similarities from the best on.
    key = row * STEP - np.rint(similarity * 10**PLACES).astype(np.int64)
    sizes = np.bincount(row, minlength=sums.shape[0])
    ends = np.cumsum(sizes)
    last_kept = np.minimum(ends - sizes + top, ends) - 1
    # Few are kept, so only those within a row's best, and their equals, are put in order.
    kept = np.flatnonzero(key <= np.sort(key)[last_kept[row]])
    kept = kept[np.lexsort((column[kept], key[kept]))]
    rank = np.arange(len(kept)) - np.searchsorted(row[kept], row[kept]) + 1
    kept, rank = kept[rank <= top], rank[rank <= top]
    columns = row[kept] + first, rank, column[kept], similarity[kept]
    arrays = [
        pa.array(part).cast(kind) for part, kind in zip(columns, NEIGHBOURS.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=NEIGHBOURS)
