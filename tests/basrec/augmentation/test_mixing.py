"""Draws from Beta(alpha, alpha)."""

import pytest
import torch
from scipy import stats

from basrec.augmentation.mixing import symmetric_beta
from basrec.rng import generator


@pytest.mark.parametrize("alpha", [0.2, 0.4, 0.5, 1.0, 3.0])
def test_draws_follow_the_beta_distribution(alpha: float) -> None:
    drawn = symmetric_beta(alpha, (20_000,), generator(5, "draws"), torch.float64)
    assert float(drawn.min()) >= 0.0 and float(drawn.max()) <= 1.0
    assert stats.kstest(drawn.numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_the_tail_near_zero_is_exact() -> None:
    drawn = symmetric_beta(0.4, (200_000,), generator(6, "draws"), torch.float64)
    for limit in (1e-3, 1e-6, 1e-8):
        expected = stats.beta(0.4, 0.4).cdf(limit)
        assert float((drawn < limit).double().mean()) == pytest.approx(expected, rel=0.15)
