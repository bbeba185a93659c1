"""Losses as arithmetic."""

import math

import pytest
import torch

from basrec.config import TrainSection
from basrec.losses import (
    Loss,
    bayesian_personalised_ranking,
    binary_cross_entropy,
    build_loss,
    cross_entropy,
    sampled_softmax,
)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_binary_cross_entropy_equals_the_formula() -> None:
    loss = binary_cross_entropy(torch.tensor([1.0]), torch.tensor([[0.0, -2.0]]))
    rest = -math.log(1 - sigmoid(0.0)) - math.log(1 - sigmoid(-2.0))
    assert float(loss) == pytest.approx(-math.log(sigmoid(1.0)) + rest / 2)


def test_large_scores_stay_finite() -> None:
    up, down = torch.tensor([-1e8]), torch.tensor([[1e8]])
    assert float(binary_cross_entropy(up, down)) == pytest.approx(2e8)
    for loss in (bayesian_personalised_ranking, sampled_softmax, cross_entropy):
        assert float(loss(up, down)) == pytest.approx(2e8)


def test_scores_of_minus_infinity_do_not_count() -> None:
    up, some = torch.tensor([0.5]), torch.tensor([[1.0, -0.3]])
    more = torch.tensor([[1.0, -torch.inf, -0.3]])
    generalised: Loss = build_loss(TrainSection(loss="gbce", negative_count=3), num_items=11)
    for loss in (binary_cross_entropy, generalised, bayesian_personalised_ranking, sampled_softmax):
        assert float(loss(up, some)) == pytest.approx(float(loss(up, more)))


def test_generalised_cross_entropy_lies_between_plain_and_calibrated() -> None:
    # Eq. 8: with t = 0 the power is 1; with t = 1 it is the share of negatives drawn.
    up, down = torch.tensor([1.0]), torch.tensor([[0.0, -2.0]])
    for calibration, power in ((0.0, 1.0), (1.0, 2 / 100), (0.5, 0.5 * 2 / 100 + 0.5)):
        config = TrainSection(loss="gbce", negative_count=2, gbce_calibration=calibration)
        loss = build_loss(config, num_items=101)(up, down)
        rest = -math.log(1 - sigmoid(0.0)) - math.log(1 - sigmoid(-2.0))
        assert float(loss) == pytest.approx((-power * math.log(sigmoid(1.0)) + rest) / 3)


def test_what_a_loss_does_not_read_is_refused() -> None:
    with pytest.raises(ValueError, match="negative_count = 5 is read neither"):
        TrainSection(loss="ce", negative_count=5)
    with pytest.raises(ValueError, match="negatives_from = shared has no effect on loss = ce"):
        TrainSection(loss="ce", negatives_from="shared")
