"""What targets are held against."""

import math
from dataclasses import replace

import pytest
import torch

from basrec import rivals
from basrec.batches import Batch, draw_batches
from basrec.config import TrainSection
from basrec.errors import InputError
from basrec.negatives import build_sampler
from basrec.prepared import Prepared
from basrec.rivals import Contest, Rivals
from basrec.rng import generator
from basrec.split import examples_of

CPU = torch.device("cpu")


def make(prepared: Prepared, policy: str, **options: object) -> tuple[Contest, Batch]:
    config = TrainSection.model_validate({"negatives": policy, **options})
    sampler = build_sampler(prepared, policy, False, CPU)
    examples = examples_of(prepared, "train")
    streams = generator(1, "shuffle"), generator(1, "draws")
    batches = draw_batches(prepared, examples, sampler, 8, config.drawn_negatives, 10, *streams)
    return Contest.of(config, prepared, sampler), next(iter(batches))


@pytest.mark.parametrize("source", ["shared", "batch"])
@pytest.mark.parametrize("policy", ["history", "train", "any"])
def test_known_items_and_the_own_target_do_not_count(
    prepared: Prepared, source: str, policy: str
) -> None:
    count = 25 if source == "shared" else 1
    contest, batch = make(prepared, policy, negatives_from=source, negative_count=count)
    drawn = contest.rivals(batch, generator(4, "draws"))
    assert drawn.hidden is not None
    if source == "batch":
        assert drawn.items.tolist() == sorted(set(batch.targets.tolist()))
    else:
        assert 5 < len(drawn.items) <= 25
    ends = {"history": 0, "train": 2, "any": None}
    for place, target in enumerate(batch.targets.tolist()):
        user = int(batch.whole.user[batch.layout.sequence[place]])
        items = prepared.items[prepared.offsets[user] : prepared.offsets[user + 1]].tolist()
        left_out = ends[policy]
        known = set() if left_out is None else set(items[: len(items) - left_out])
        for column, item in enumerate(drawn.items.tolist()):
            hides = item in known or item == target
            assert bool(drawn.hidden[place, column]) == hides


def test_corrections_are_the_logs_of_the_chances_to_be_drawn(prepared: Prepared) -> None:
    options = {"loss": "sampled_softmax"}
    contest, batch = make(prepared, "any", negative_count=3, **options)
    own = contest.rivals(batch, generator(1, "draws"))
    assert own.items.shape == (3, len(batch.targets))
    assert own.correction == pytest.approx(math.log(3 / 40))
    contest, batch = make(prepared, "any", negatives_from="shared", negative_count=9, **options)
    shared = contest.rivals(batch, generator(1, "draws"))
    assert shared.correction == pytest.approx(math.log(len(shared.items) / 40))
    contest, batch = make(prepared, "any", negatives_from="batch", **options)
    others = contest.rivals(batch, generator(1, "draws"))
    item = int(others.items[0])
    sequences = prepared.items.split(prepared.offsets.diff().tolist())
    aims = [aim for sequence in sequences for aim in sequence[1:-2].tolist()]
    share = aims.count(item) / len(aims)
    chance = 1 - (1 - share) ** len(batch.targets)
    assert isinstance(others.correction, torch.Tensor)
    assert float(others.correction[0]) == pytest.approx(math.log(chance), rel=1e-5)
    for loss in ("bce", "bpr", "gbce"):
        contest, batch = make(prepared, "any", negatives_from="batch", loss=loss)
        assert contest.rivals(batch, generator(1, "draws")).correction == 0.0


def test_the_sum_over_all_items_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = torch.randn(2, 7, 5, dtype=torch.float64, requires_grad=True)
    table = torch.randn(11, 5, dtype=torch.float64, requires_grad=True)
    every = Rivals(torch.empty(0, dtype=torch.int64))
    expected = (outputs @ table.T).logsumexp(-1, keepdim=True)
    slopes = torch.autograd.grad(expected.square().sum(), [outputs, table])
    monkeypatch.setattr(rivals, "SCORES", 30)  # two positions a block
    found = every.score(outputs, table)
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad(found.square().sum(), [outputs, table]), slopes, strict=True
    ):
        torch.testing.assert_close(one, other)


def test_more_shared_negatives_than_items_are_refused(prepared: Prepared) -> None:
    make(prepared, "any", negatives_from="shared", negative_count=40)
    with pytest.raises(InputError, match="negative_count = 41: there are 40 items to share"):
        make(prepared, "any", negatives_from="shared", negative_count=41)


def test_a_target_by_augmentation_alone_has_a_finite_correction(prepared: Prepared) -> None:
    # Item 2 is first in every sequence, so that it is never a target of plain training.
    sequences = [[2, 1, 3, 4, 5]] * 6
    flat = torch.tensor([item for sequence in sequences for item in sequence])
    data = Prepared(flat, torch.arange(0, 31, 5), torch.zeros(6).long(), 5, {})
    config = TrainSection(loss="sampled_softmax", negatives_from="batch")
    sampler = build_sampler(data, "any", False, torch.device("cpu"))
    contest = Contest.of(config, data, sampler)
    streams = generator(1, "shuffle"), generator(1, "draws")
    batch = next(iter(draw_batches(data, examples_of(data, "train"), sampler, 6, 1, 10, *streams)))
    strange = replace(batch, targets=torch.full_like(batch.targets, 2))
    told = contest.rivals(strange, generator(1, "draws"))
    assert told.items.tolist() == [2]
    # 1 and 3 are half of the 12 targets each: item 2 counts as they do.
    assert float(told.correction) == pytest.approx(math.log(1 - 0.5**12))
