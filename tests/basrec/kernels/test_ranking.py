"""Bounds of the fused scoring; what it gives is tested in tests/basrec/test_scoring.py."""

import pytest
import torch

from basrec.kernels import Kernels


def test_places_beyond_the_catalogue_are_refused(kernels: Kernels) -> None:
    scores = kernels.candidates(torch.zeros(9, 4)).score(torch.zeros(2, 4))
    with pytest.raises(IndexError, match=r"not in 0\.\.8"):
        scores.pairs(torch.tensor([0]), torch.tensor([9]))
