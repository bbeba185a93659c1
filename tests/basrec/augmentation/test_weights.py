"""Adaptive loss weights, by hand."""

import pytest
import torch

from basrec.augmentation.weights import WEIGHTS, adaptive_weights

RATE = torch.tensor([[0.5, 0.5, 0.25]], dtype=torch.float64)
MIX = torch.tensor([[1.0, 0.5, 0.5]], dtype=torch.float64)  # 1 / (rate * mix) = 2, 4, 8


def test_sequence_scales_to_zero_and_one() -> None:
    assert adaptive_weights("sequence", RATE, MIX)[0].tolist() == pytest.approx([0, 1 / 3, 1])


def test_batch_sum_gives_every_sequence_the_sum() -> None:
    assert adaptive_weights("batch_sum", RATE, MIX)[0].tolist() == pytest.approx([4 / 3] * 3)


def test_log_spreads_the_weights() -> None:
    assert adaptive_weights("log", RATE, MIX)[0].tolist() == pytest.approx([0, 0.5, 1])


@pytest.mark.parametrize("kind", sorted(WEIGHTS))
def test_equal_weights_and_a_batch_of_one_stay_finite(kind: str) -> None:
    one = torch.ones(1, 1, dtype=torch.float64)
    assert adaptive_weights(kind, one * 0.3, one * 0.2).tolist() == [[1.0]]
    extreme = torch.tensor([[0.0, 1e-300, 1.0]], dtype=torch.float64)
    assert adaptive_weights(kind, extreme * 0 + 0.5, extreme).isfinite().all()


def test_most_weights_vanish_at_the_published_settings() -> None:
    # Beta(.4, .4) puts mass near 0, so one weight takes all: the departure of docs/method.md
    from basrec.augmentation.mixing import symmetric_beta
    from basrec.rng import generator

    mix = symmetric_beta(0.4, (50, 256), generator(1, "draws"), torch.float64)
    weights = adaptive_weights("sequence", torch.full_like(mix, 0.45), mix)
    assert float(weights.median()) < 0.01
    assert 1.0 <= float(weights.sum(1).mean()) < 3.0
