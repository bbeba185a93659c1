"""Sampled negatives."""

import pytest
import torch
from scipy import stats

from basrec import negatives
from basrec.errors import InputError
from basrec.negatives import build_sampler
from basrec.prepared import Prepared
from basrec.rng import generator

CPU = torch.device("cpu")


def make(sequences: list[list[int]], num_items: int) -> Prepared:
    items = torch.tensor([item for sequence in sequences for item in sequence])
    offsets = torch.tensor([0, *map(len, sequences)]).cumsum(0)
    return Prepared(items, offsets, torch.zeros(num_items + 1).long(), num_items, {})


def draw(prepared: Prepared, user: int, policy: str, extra: bool = False) -> torch.Tensor:
    sampler = build_sampler(prepared, policy, extra, CPU)
    return sampler.draw(torch.full((4000,), user), 1, generator(1, "draws"))[0]


def test_history_leaves_out_every_item_of_the_user_and_is_uniform_over_the_rest() -> None:
    prepared = make([[1, 1, 1, 1, 1], [2, 5, 2, 7, 9]], num_items=10)
    counts = torch.bincount(draw(prepared, 1, "history"), minlength=11)
    assert counts[[0, 2, 5, 7, 9]].sum() == 0
    assert stats.chisquare(counts[[1, 3, 4, 6, 8, 10]].numpy()).pvalue > 0.001


def test_train_may_draw_the_held_out_items() -> None:
    prepared = make([[2, 5, 4, 7, 9]], num_items=10)  # held out: 7, 9; training items: 2 5 4
    drawn = set(draw(prepared, 0, "train").tolist())
    assert drawn == {1, 3, 6, 7, 8, 9, 10}


def test_any_may_draw_every_item_and_extra_id_one_more() -> None:
    prepared = make([[1, 2, 3, 4, 5]], num_items=5)
    assert set(draw(prepared, 0, "any").tolist()) == {1, 2, 3, 4, 5}
    assert set(draw(prepared, 0, "history", extra=True).tolist()) == {6}


def test_several_negatives_a_position_are_drawn_apart() -> None:
    sampler = build_sampler(make([[1, 2, 3, 4]], num_items=50), "history", False, CPU)
    drawn = sampler.draw(torch.zeros(100).long(), 3, generator(1, "draws"))
    assert drawn.shape == (3, 100)
    assert not torch.equal(drawn[0], drawn[1])
    assert int(drawn.min()) >= 5


def test_a_user_who_has_every_item_is_an_error() -> None:
    with pytest.raises(InputError, match="user 1 has all 5 items"):
        build_sampler(make([[1, 2, 3, 4, 5]], 5), "history", False, CPU)


def test_draws_equal_a_naive_count_when_histories_are_random(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(negatives, "USERS", 7)  # users are sorted in several parts
    torch.manual_seed(0)
    sequences = [torch.randint(1, 31, (12,)).tolist() for _ in range(40)]
    sampler = build_sampler(make(sequences, 30), "history", False, CPU)
    users = torch.arange(40).repeat_interleave(200)
    drawn = sampler.draw(users, 1, generator(2, "draws")).view(40, 200)
    for user, sequence in enumerate(sequences):
        assert set(drawn[user].tolist()) <= set(range(1, 31)) - set(sequence)


def test_a_user_with_every_item_matters_only_where_negatives_are_drawn() -> None:
    full = make([[1, 2, 3, 4, 5]], 5)
    sampler = build_sampler(full, "history", False, CPU, draws=False)
    assert sampler.draw(torch.tensor([0, 0]), 0, generator(1, "draws")).shape == (0, 2)
    assert sampler.known.tolist() == [5] and len(sampler.keys) == 0
