"""Bounds of the fused scoring; what it gives is tested in tests/basrec/test_scoring.py."""

import pytest
import torch

from basrec.kernels import Kernels


def test_places_beyond_the_catalogue_are_refused(kernels: Kernels) -> None:
    scores = kernels.candidates(torch.zeros(9, 4)).score(torch.zeros(2, 4))
    with pytest.raises(IndexError, match=r"not in 0\.\.8"):
        scores.pairs(torch.tensor([0]), torch.tensor([9]))


@pytest.mark.parametrize("size", [1, 7, 64, 65])
def test_a_score_by_itself_is_found_again_among_all(kernels: Kernels, size: int) -> None:
    """Bit for bit, wherever both stand: a target that equals nothing would rank too high."""
    draw = torch.Generator().manual_seed(1)
    table, vectors = (torch.randn(count, size, generator=draw) for count in (101, 103))
    row = torch.arange(103).repeat_interleave(101)
    column = torch.arange(101).repeat(103)
    scores = kernels.candidates(table).score(vectors)
    alone = scores.pairs(row, column).view(103, 101)
    for item in range(101):
        assert torch.equal(scores.count(alone[:, item])[1], (alone == alone[:, item, None]).sum(1))
    best, _ = scores.top(101, row[:0], column[:0])
    assert torch.equal(best, alone.sort(1, descending=True).values)
