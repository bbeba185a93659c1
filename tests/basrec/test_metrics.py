"""Metrics as arithmetic, and against ranx."""

import math

import pytest
import torch

from basrec.metrics import metrics_of


def test_values_when_three_ranks_are_known() -> None:
    values = metrics_of(torch.tensor([1.0, 6.0, 30.0], dtype=torch.float64))
    assert values["HR@5"] == pytest.approx(1 / 3)
    assert values["HR@10"] == values["HR@20"] == pytest.approx(2 / 3)
    assert values["NDCG@5"] == pytest.approx(1 / 3)
    assert values["NDCG@10"] == pytest.approx((1 + 1 / math.log2(7)) / 3)
    assert values["MRR"] == pytest.approx((1 + 1 / 6 + 1 / 30) / 3)


def test_no_users_give_no_metrics() -> None:
    assert metrics_of(torch.empty(0)) == {}


def test_metrics_equal_ranx_when_ranks_are_random() -> None:
    ranx = pytest.importorskip("ranx")
    ranks = torch.randint(1, 60, (200,), generator=torch.Generator().manual_seed(1)).double()
    truth = {f"u{user}": {"target": 1} for user in range(200)}
    run = {
        f"u{user}": {
            ("target" if place == rank else f"other {place}"): 100.0 - place
            for place in range(1, 61)
        }
        for user, rank in enumerate(ranks.tolist())
    }
    names = ["hit_rate@5", "hit_rate@10", "ndcg@5", "ndcg@10", "ndcg@20", "mrr"]
    theirs = ranx.evaluate(ranx.Qrels(truth), ranx.Run(run), names)
    ours = metrics_of(ranks)
    for name in names:
        own = name.replace("hit_rate", "HR").replace("ndcg", "NDCG").replace("mrr", "MRR")
        assert ours[own] == pytest.approx(theirs[name], abs=1e-9)
