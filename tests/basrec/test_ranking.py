"""Ranks by counting against a naive full sort, policy by policy."""

from functools import partial

import pytest
import torch
from torch import Tensor

from basrec import ranking
from basrec.config import EvaluationConfig, ModelConfig
from basrec.errors import MachineError
from basrec.kernels import Kernels, choose_kernels
from basrec.model import Recommender, build_recommender
from basrec.prepared import Prepared
from basrec.ranking import encode_last, rank_targets, top_items
from basrec.rng import generator
from basrec.split import examples_of


def make(extra_ids: bool = False, kernels: Kernels | None = None) -> Recommender:
    config = ModelConfig(embedding_size=4, max_length=6, initializer_range=1.0, extra_ids=extra_ids)
    return build_recommender(6, config, generator(4, "weights"), kernels)


def make_prepared() -> Prepared:
    sequences = [[1, 2, 3, 4, 5], [2, 2, 6, 1, 2], [6, 5, 4, 3, 2], [3, 1, 3, 1, 3]]
    items = torch.tensor(sequences).flatten()
    return Prepared(items, torch.arange(0, 21, 5), torch.zeros(7).long(), 6, {})


def naive_rank(scores: list[float], target: int, seen: set[int], policy: EvaluationConfig) -> float:
    """Rank place `target` of a list of scores by going through it."""
    scores = list(scores)
    if policy.seen == "zero":
        for place in seen:
            scores[place] = 0.0
    rivals = [
        score
        for place, score in enumerate(scores)
        if place != target and not (policy.seen == "mask" and place in seen)
    ]
    above = sum(score > scores[target] for score in rivals)
    equal = sum(score == scores[target] for score in rivals)
    share = {"pessimistic": 1.0, "optimistic": 0.0, "mean": 0.5}[policy.ties]
    return 1 + above + share * equal


@pytest.mark.parametrize("seen", ["mask", "zero", "keep"])
@pytest.mark.parametrize("ties", ["pessimistic", "optimistic", "mean"])
@pytest.mark.parametrize("extra_ids", [False, True])
@pytest.mark.parametrize("way", ["plain", "auto"])
def test_ranks_equal_a_naive_ranking(seen: str, ties: str, extra_ids: bool, way: str) -> None:
    kernels = choose_kernels(way, torch.device("cpu"))
    model, prepared = make(extra_ids, kernels), make_prepared()
    with torch.no_grad():
        model.items.weight[3] = model.items.weight[5]  # ties
    policy = EvaluationConfig(seen=seen, ties=ties, block_size=3)
    examples = examples_of(prepared, "test")
    ranks = rank_targets(model, prepared, examples, policy)
    model.eval()
    with torch.no_grad():
        outputs = encode_last(model, prepared, examples)
        scores: Tensor = outputs @ model.candidates().T
        scores[:, 3 - (not extra_ids)] = scores[:, 5 - (not extra_ids)]  # equal to the last digit
    shift = 0 if extra_ids else 1
    expected = []
    for row in range(4):
        sequence = prepared.items[5 * row : 5 * row + 5] - shift
        expected.append(
            naive_rank(scores[row].tolist(), int(sequence[4]), set(sequence[:4].tolist()), policy)
        )
    assert ranks.tolist() == expected


def test_a_repeated_target_keeps_its_score_under_mask_and_loses_it_under_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # User 4 aims at item 3, which the input holds already, as it holds item 1.
    model, prepared = make(), make_prepared()
    examples = examples_of(prepared, "test").take(torch.tensor([3]))
    output = torch.ones(1, 4)
    monkeypatch.setattr(ranking, "encode_last", lambda *_: output)
    with torch.no_grad():
        model.items.weight[1:7] = torch.tensor([9.0, 1, 5, 2, 7, -3]).unsqueeze(1)
    ranks = {
        seen: float(rank_targets(model, prepared, examples, EvaluationConfig(seen=seen))[0])
        for seen in ("mask", "zero", "keep")
    }
    # Scores 36 4 20 8 28 -12; seen are items 1 and 3.
    assert ranks["keep"] == 3.0  # behind items 1 and 5
    assert ranks["mask"] == 2.0  # item 1 is out
    assert ranks["zero"] == 5.0  # at 0: behind 2, 4, 5 and, in the tie, item 1


def test_extra_ids_rank_two_more_candidates() -> None:
    assert make().candidates().shape[0] == 6
    assert make(extra_ids=True).candidates().shape[0] == 8


def test_block_size_does_not_change_the_ranks(prepared: Prepared) -> None:
    config = ModelConfig(embedding_size=8, max_length=10)
    model = build_recommender(prepared.num_items, config, generator(1, "weights"))
    examples = examples_of(prepared, "validation")
    one, many = (
        rank_targets(model, prepared, examples, EvaluationConfig(block_size=size))
        for size in (7, 1000)
    )
    assert torch.equal(one, many)


def test_ranking_leaves_the_model_in_training(prepared: Prepared) -> None:
    model = build_recommender(prepared.num_items, ModelConfig(), generator(1, "weights"))
    model.train()
    rank_targets(model, prepared, examples_of(prepared, "test"), EvaluationConfig())
    assert model.training


@pytest.mark.parametrize("way", ["plain", "auto"])
def test_top_items_are_the_best_unseen_ones(way: str) -> None:
    kernels = choose_kernels(way, torch.device("cpu"))
    model, prepared = make(kernels=kernels), make_prepared()
    examples = examples_of(prepared, "test")
    model.eval()
    with torch.no_grad():
        scores = encode_last(model, prepared, examples) @ model.items.weight[1:7].T
    for seen, most in (("mask", 2), ("keep", 6)):
        policy = EvaluationConfig(seen=seen, block_size=3)
        items, values = top_items(model, prepared, examples, most, policy)
        for row in range(4):
            inputs = set(prepared.items[5 * row : 5 * row + 4].tolist())
            left = [item for item in range(1, 7) if seen == "keep" or item not in inputs]
            best = sorted(left, key=lambda item: -float(scores[row, item - 1]))[:most]
            assert items[row].tolist() == best
            expected = [float(scores[row, item - 1]) for item in best]
            torch.testing.assert_close(values[row], torch.tensor(expected))


def test_top_items_of_nobody_are_none() -> None:
    nobody = examples_of(make_prepared(), "test").take(torch.tensor([], dtype=torch.int64))
    items, scores = top_items(make(), make_prepared(), nobody, 3, EvaluationConfig())
    assert items.shape == scores.shape == (0, 3)


@pytest.mark.parametrize("way", ["plain", "auto"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_model_that_has_diverged_is_not_ranked(way: str, value: float) -> None:
    kernels, prepared = choose_kernels(way, torch.device("cpu")), make_prepared()
    one = examples_of(prepared, "test").take(torch.tensor([0]))  # inputs 1 2 3 4, target 5
    for spoil in ("items", "backbone"):
        model = make(kernels=kernels)
        with torch.no_grad():
            if spoil == "items":
                model.items.weight[6] = value  # neither read nor aimed at
            else:
                model.backbone.positions.weight[-1] = value
        for work in (rank_targets, partial(top_items, most=2)):
            with pytest.raises(MachineError, match=r"has diverged: .* lower train\.learning_rate"):
                work(model, prepared, one, config=EvaluationConfig())


def test_at_least_one_item_is_asked_for() -> None:
    prepared = make_prepared()
    with pytest.raises(ValueError, match="most = 0"):
        top_items(make(), prepared, examples_of(prepared, "test"), 0, EvaluationConfig())
