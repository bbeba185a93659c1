"""The main objective against plain ones, on the same random numbers."""

import math

import pytest

from basrec.config import AugmentationConfig, ModelConfig
from basrec.model import build_recommender
from basrec.objectives import main_objective
from basrec.prepared import Prepared
from basrec.rng import generator
from tests.basrec.plain_objectives import (
    SLOTS,
    make_batch,
    make_contest,
    make_model,
    plain_objective,
)


def test_main_objective_equals_the_plain_padded_one(prepared: Prepared) -> None:
    model, batch = make_model(prepared.num_items), make_batch(prepared)
    plain = plain_objective(model, batch, prepared, AugmentationConfig())["main"]
    fast = main_objective(make_contest(prepared))(model, batch, generator(1, "draws"))["main"]
    assert abs(float(plain) - float(fast)) < 1e-10


@pytest.mark.parametrize("loss", ["bce", "gbce", "bpr", "sampled_softmax", "ce"])
@pytest.mark.parametrize("source", ["own", "shared", "batch"])
def test_every_loss_equals_the_plain_one_position_by_position(
    prepared: Prepared, loss: str, source: str
) -> None:
    if loss == "ce" and source != "own":
        pytest.skip("ce takes all items")
    count = 3 if source != "batch" and loss != "ce" else 1
    options = {"loss": loss, "negatives_from": source, "negative_count": count}
    contest = make_contest(prepared, **options)
    model, batch = make_model(prepared.num_items), make_batch(prepared, count)
    rivals = contest.rivals(batch, generator(3, "draws"))
    told = main_objective(contest)(model, batch, generator(3, "draws"))["main"]
    outputs = model(batch.items, batch.layout.lengths).detach()
    table = model.items.weight.detach()
    expected = []
    for place, output in enumerate(outputs):
        target = int(batch.targets[place])
        up = float(output @ table[target])
        if loss == "ce":
            against = list(range(1, prepared.num_items + 1))
        elif source == "own":
            against = rivals.items[:, place].tolist()
        else:
            against = [item for item in rivals.items.tolist() if item != target]
        down = [float(output @ table[item]) for item in against]
        if loss == "sampled_softmax":
            takes = rivals.correction
            if source == "batch":
                taken = dict(zip(rivals.items.tolist(), takes.tolist(), strict=True))
                down = [score - taken[item] for score, item in zip(down, against, strict=True)]
            else:
                down = [score - takes for score in down]
        expected.append(plain_value(loss, up, down, prepared.num_items))
    assert float(told) == pytest.approx(sum(expected) / len(expected), abs=1e-10)


def plain_value(loss: str, up: float, down: list[float], items: int) -> float:
    sigmoid = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    if loss == "bce":
        return -math.log(sigmoid(up)) - sum(math.log(1 - sigmoid(x)) for x in down) / len(down)
    if loss == "gbce":
        rate = len(down) / (items - 1)
        power = rate * (0.75 * (1 - 1 / rate) + 1 / rate)
        whole = -power * math.log(sigmoid(up)) - sum(math.log(1 - sigmoid(x)) for x in down)
        return whole / (len(down) + 1)
    if loss == "bpr":
        return -sum(math.log(sigmoid(up - x)) for x in down) / max(len(down), 1)
    if loss == "sampled_softmax":
        return math.log(math.exp(up) + sum(map(math.exp, down))) - up
    return math.log(sum(map(math.exp, down))) - up


def test_full_softmax_trains_every_item_but_not_the_padding(prepared: Prepared) -> None:
    for extra_ids in (False, True):
        config = ModelConfig(embedding_size=8, max_length=SLOTS, extra_ids=extra_ids)
        model = build_recommender(prepared.num_items, config, generator(1, "weights")).double()
        contest = make_contest(prepared, loss="ce")
        told = main_objective(contest)(model, make_batch(prepared), generator(3, "draws"))
        told["main"].backward()
        moved = model.items.weight.grad.abs().sum(1) > 0
        assert moved.tolist() == [False, *[True] * prepared.num_items, extra_ids]
