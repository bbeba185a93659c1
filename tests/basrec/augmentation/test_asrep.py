"""ASReP: the reversed dataset, greedy generation, and what it learns."""

from pathlib import Path

import pytest
import torch

from basrec.augmentation.asrep import continue_backwards
from basrec.augmentation.pretraining import parts_alone
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.job import open_job
from basrec.model import Recommender, build_recommender
from basrec.prepared import Prepared, read_prepared
from basrec.rng import generator
from basrec.split import examples_of
from tests.basrec.augmentation.generating import Make, chain, settings
from tests.basrec.conftest import write_prepared


def test_the_reversed_dataset_by_hand(tmp_path: Path) -> None:
    lists = [[1, 2, 3, 4, 5, 6], [7], [2, 3, 4, 5], [3, 4, 5]]
    prepared = read_prepared(write_prepared(tmp_path / "data", lists, {1: 2}))
    backwards = parts_alone(prepared, backwards=True)
    assert backwards.items.tolist() == [4, 3, 2, 1, 3, 2, 3]
    assert backwards.offsets.tolist() == [0, 4, 4, 6, 7]
    train = examples_of(backwards, "train")  # reads 4 3 and aims at 3 2
    assert (train.user.tolist(), train.start.tolist(), train.length.tolist()) == ([0], [0], [2])
    validation = examples_of(backwards, "validation")  # aims at 1 after 4 3 2, at 2 after 3
    assert (validation.user.tolist(), validation.length.tolist()) == ([0, 2], [3, 1])
    assert len(examples_of(backwards, "test")) == 0
    assert parts_alone(prepared).items.tolist() == [1, 2, 3, 4, 2, 3, 3]


def slow(model: Recommender, own: list[int], count: int, slots: int) -> list[int]:
    """Generate for one user, one item after the other."""
    sequence = list(reversed(own))
    for _ in range(count):
        read = torch.tensor(sequence[-slots:])
        scores = model.items.weight @ model(read, torch.tensor([len(read)]))[-1]
        free = [item for item in range(1, model.num_items + 1) if item not in sequence]
        sequence.append(max(free, key=lambda item: float(scores[item])))
    return list(reversed(sequence[len(own) :]))


def parts_of(prepared: Prepared) -> list[list[int]]:
    bounds = zip(prepared.offsets.tolist(), prepared.bounds.train.tolist(), strict=False)
    return [prepared.items[start : start + length].tolist() for start, length in bounds]


def test_greedy_generation_equals_a_loop_over_users(prepared: Prepared) -> None:
    config = TrainConfig.model_validate(
        {"model": {"embedding_size": 8, "max_length": 7, "initializer_range": 0.5}}
    )
    model = build_recommender(40, config.model, generator(5, "weights")).eval()
    users = torch.arange(1, 60, 2)
    found = continue_backwards(model, parts_alone(prepared, backwards=True), users, 9)
    with torch.no_grad():
        lists = parts_of(prepared)
        expected = [slow(model, lists[user], 9, 7) for user in users.tolist()]
    assert found.tolist() == expected


def test_a_planted_chain_is_continued_to_the_left(make_prior: Make, chain_folder: Path) -> None:
    config = settings("asrep", {"count": 3}, augmentation={"asrep": {"epochs": 40}})
    generated = make_prior(chain_folder, config)
    items = generated.prior.items.view(-1, 3)
    first = torch.tensor([own[0] for own in chain(240, 40)])
    true = torch.stack([(first - 1 - back) % 40 + 1 for back in (3, 2, 1)], 1)
    assert float((items == true).float().mean()) > 0.8
    assert generated.weights and "items.weight" in generated.weights


def test_more_new_items_than_there_are_is_told_before_any_work(folder: Path) -> None:
    prior = {"count": 30, "shorter_than": "all"}
    with pytest.raises(InputError, match=r"prior\.count = 30: a user has 18 of the 40 items"):
        open_job(folder, settings("asrep", prior, model={"max_length": 40}))
