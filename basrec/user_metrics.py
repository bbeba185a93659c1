"""A metric by user, from the ranks of their targets (user_ranks.py)."""

import numpy as np


def by_user(
    users: np.ndarray, ranks: np.ndarray, metric: str, among: np.ndarray | None = None
) -> np.ndarray:
    """Give a metric (U,) by user, averaged over a user's targets, in the order of their ids.

    With `among` (U,), of those users alone.
    """
    kept = np.isin(users, users if among is None else among)
    _, place = np.unique(users[kept], return_inverse=True)
    return np.asarray(np.bincount(place, gains_of(ranks[kept], metric)) / np.bincount(place))


def gains_of(ranks: np.ndarray, metric: str) -> np.ndarray:
    """Give what each target (E,) adds to a metric: their mean is the metric."""
    if metric == "MRR":
        return np.asarray(1.0 / ranks)
    name, cut = metric.split("@")
    gain = {"HR": np.ones_like(ranks), "NDCG": 1.0 / np.log2(ranks + 1.0)}[name]
    return np.asarray(gain * (ranks <= int(cut)))
