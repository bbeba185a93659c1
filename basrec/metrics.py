"""Metrics of one target a user, from its rank among all items."""

import torch
from torch import Tensor

CUTS = (5, 10, 20)


def metrics_of(ranks: Tensor) -> dict[str, float]:
    """Average HR@k, NDCG@k and MRR over ranks (E,), where 1 is best.

    HR@k is the share of ranks <= k; NDCG@k the mean of 1 / log2(rank + 1) where rank <= k, else 0
    (with one relevant item the ideal is 1); MRR the mean of 1 / rank, without a cut.
    """
    if len(ranks) == 0:
        return {}
    gain = 1.0 / torch.log2(ranks + 1.0)
    values = {f"HR@{k}": float((ranks <= k).double().mean()) for k in CUTS}
    values |= {f"NDCG@{k}": float((gain * (ranks <= k)).mean()) for k in CUTS}
    return values | {"MRR": float((1.0 / ranks).mean())}
