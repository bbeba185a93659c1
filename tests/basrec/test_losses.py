"""Losses as arithmetic."""

import math

import pytest
import torch

from basrec.losses import binary_cross_entropy


def test_binary_cross_entropy_equals_the_formula() -> None:
    h = torch.tensor([[1.0, 2.0]])
    loss = binary_cross_entropy(h, torch.tensor([[0.5, 0.25]]), torch.tensor([[-1.0, 0.5]]))
    sigmoid = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    assert float(loss) == pytest.approx(-math.log(sigmoid(1.0)) - math.log(1 - sigmoid(0.0)))


def test_large_scores_stay_finite() -> None:
    big = torch.full((1, 1), 1e4)
    assert float(binary_cross_entropy(big, -big, big)) == pytest.approx(2e8)
