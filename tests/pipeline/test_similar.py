"""Similar items from pairs of users and items."""

from math import log, sqrt

import numpy as np
import pyarrow as pa
import pytest

from pipeline import similar
from pipeline.config import NeighbourConfig
from pipeline.similar import nearest_items


def find(users: list[int], items: list[int], **options: object) -> list[tuple[int, int, int]]:
    config = NeighbourConfig.model_validate({"similarity": "cosine", **options})
    batches = list(nearest_items(np.array(users), np.array(items), config))
    table = pa.Table.from_batches(batches).to_pydict() if batches else {}
    return list(zip(*(table.get(c, ()) for c in ("item_id", "rank", "neighbour_id")), strict=True))


def test_the_best_come_first_and_equal_ones_by_the_smaller_id() -> None:
    # Users 1 and 2 have items 1 2 3, user 3 has items 1 4; item 9 is alone.
    users, items = [1, 1, 1, 2, 2, 2, 3, 3, 4], [3, 2, 1, 1, 2, 3, 4, 1, 9]
    # 1-2 and 1-3: 2 / sqrt(3 * 2); 1-4: 1 / sqrt(3 * 1); 2-3: 2 / 2.
    best = [(1, 1, 2), (1, 2, 3), (1, 3, 4), (2, 1, 3), (2, 2, 1), (3, 1, 2), (3, 2, 1), (4, 1, 1)]
    assert find(users, items) == best
    assert find(users, items, top=1) == [row for row in best if row[1] == 1]


def test_similarities_by_hand() -> None:
    users, items = np.array([1, 1, 2, 2, 2]), np.array([1, 2, 1, 2, 3])
    for name, pair, both in (("cosine", 1, 1.0), ("iuf", 1 / log(3), 1 / log(4))):
        config = NeighbourConfig.model_validate({"similarity": name})
        (batch,) = nearest_items(users, items, config)
        told = {
            (row["item_id"], row["neighbour_id"]): row["similarity"] for row in batch.to_pylist()
        }
        total = pair + both if name == "iuf" else 2.0
        assert told[(1, 2)] == pytest.approx(total / 2, rel=1e-6)
        assert told[(3, 1)] == pytest.approx(both / sqrt(2), rel=1e-6)


def test_chunks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    pairs = np.unique(random.integers(1, [200, 90], size=(1500, 2)), axis=0)
    users, items = pairs[:, 0].tolist(), pairs[:, 1].tolist()
    whole = find(users, items, top=7)
    for size in (1, 50, 5000):
        monkeypatch.setattr(similar, "PAIRS_AT_ONCE", size)
        assert find(users, items, top=7) == whole
    assert len(whole) > 500


def test_without_pairs_nothing_is_found() -> None:
    assert find([], []) == []
    assert find([1, 2], [1, 2]) == []
