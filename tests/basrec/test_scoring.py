"""Scores of a catalogue against all of them at once, in blocks and in the kernels."""

import pytest
import torch
from torch import Tensor

from basrec import scoring
from basrec.kernels import choose_kernels
from basrec.scoring import Candidates, PlainCandidates

ROWS, ITEMS, SIZE = 13, 150, 8


@pytest.fixture(params=["one block", "many blocks", "compiled"])
def candidates(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Candidates:
    table = make_table()
    if request.param == "compiled":
        kernels = choose_kernels("auto", torch.device("cpu"))
        if kernels is None:
            pytest.skip("no C++ compiler")
        return kernels.candidates(table)
    if request.param == "many blocks":
        monkeypatch.setattr(scoring, "SCORES", 40 * ROWS)
    return PlainCandidates(table)


def make_table() -> Tensor:
    table = torch.randn(ITEMS, SIZE, generator=torch.Generator().manual_seed(1))
    table[70] = table[3]  # equal scores, in different blocks and panels
    table[149] = table[3]
    return table


def make_vectors() -> Tensor:
    return torch.randn(ROWS, SIZE, generator=torch.Generator().manual_seed(2))


def all_pairs() -> tuple[Tensor, Tensor]:
    return torch.arange(ROWS).repeat_interleave(ITEMS), torch.arange(ITEMS).repeat(ROWS)


def test_pairs_are_inner_products(candidates: Candidates) -> None:
    found = candidates.score(make_vectors()).pairs(*all_pairs()).view(ROWS, ITEMS)
    torch.testing.assert_close(found, make_vectors() @ make_table().T)
    assert torch.equal(found[:, 3], found[:, 70]) and torch.equal(found[:, 3], found[:, 149])


def test_counts_agree_with_the_pairs(candidates: Candidates) -> None:
    scores = candidates.score(make_vectors())
    every = scores.pairs(*all_pairs()).view(ROWS, ITEMS)
    for limit in (every[:, 3], every[:, 149], torch.zeros(ROWS)):
        above, equal = scores.count(limit)
        assert above.tolist() == (every > limit.unsqueeze(1)).sum(1).tolist()
        assert equal.tolist() == (every == limit.unsqueeze(1)).sum(1).tolist()
    assert int(scores.count(every[:, 3])[1].min()) == 3


def test_top_is_a_stable_sort_without_the_pairs_left_out(candidates: Candidates) -> None:
    row = torch.tensor([0, 0, 0, 5, 12])
    column = torch.tensor([3, 8, 149, 0, 77])
    every = candidates.score(make_vectors()).pairs(*all_pairs()).view(ROWS, ITEMS)
    every[row, column] = -torch.inf
    best, places = every.sort(dim=1, descending=True, stable=True)
    for most in (1, 20, 100):
        scores, found = candidates.score(make_vectors()).top(most, row, column)
        assert torch.equal(found, places[:, :most])
        assert torch.equal(scores, best[:, :most])


def test_top_fills_up_where_too_few_are_left(candidates: Candidates) -> None:
    row, column = torch.zeros(ITEMS - 2).long(), torch.arange(ITEMS - 2)
    scores, found = candidates.score(make_vectors()).top(200, row, column)
    assert sorted(found[0].tolist()[:2]) == [ITEMS - 2, ITEMS - 1]
    assert found[0].tolist()[2:] == [-1] * 198
    assert scores[0].tolist()[2:] == [-torch.inf] * 198
    assert found[1].tolist()[ITEMS:] == [-1] * (200 - ITEMS)


def test_no_more_scores_than_allowed_exist_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "SCORES", 100)
    plain = PlainCandidates(make_table())
    plain.score(make_vectors()).count(torch.zeros(ROWS))
    assert plain.buffers.numel() <= 2 * 100


def test_equal_vectors_have_equal_scores_for_a_single_row_too(candidates: Candidates) -> None:
    row, column = torch.zeros(ITEMS).long(), torch.arange(ITEMS)
    found = candidates.score(make_vectors()[:1]).pairs(row, column)
    assert found[3] == found[70] == found[149]
    torch.testing.assert_close(found, make_table() @ make_vectors()[0])
