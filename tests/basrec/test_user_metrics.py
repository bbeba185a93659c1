"""A metric by user against the run's own metrics, and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from basrec.user_metrics import by_user, gains_of
from basrec.user_ranks import read_ranks


@pytest.mark.parametrize("metric", ["HR@5", "HR@20", "NDCG@10", "MRR"])
def test_the_mean_over_users_is_the_metric(sweep: Path, metric: str) -> None:
    run = sweep.parents[1] / "runs/beauty/BASRec-1"
    ranked = read_ranks(run, "test")
    assert ranked is not None
    told = json.loads((run / "metrics.json").read_text())["test"][metric]
    assert np.mean(by_user(*ranked, metric)) == pytest.approx(told, abs=1e-12)


def test_gains_by_hand() -> None:
    ranks = np.array([1.0, 3.0, 10.5, 11.0])
    assert gains_of(ranks, "HR@10").tolist() == [1, 1, 0, 0]
    assert gains_of(ranks, "NDCG@10").tolist() == [1.0, 0.5, 0, 0]
    assert gains_of(ranks, "MRR").tolist() == pytest.approx([1, 1 / 3, 1 / 10.5, 1 / 11])
    # user 7 has two targets, their mean is the user's; users come in the order of their ids
    users = np.array([9, 7, 7, 8])
    assert by_user(users, ranks, "HR@10").tolist() == [0.5, 0.0, 1.0]
    assert by_user(users, ranks, "HR@10", np.array([7, 9])).tolist() == [0.5, 1.0]
