"""CMR and CMRSI against loops over single sequences, on the same random numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from basrec.augmentation.cmr import CMR, CMRSI, view_batch
from basrec.batches import Batch
from basrec.config import TrainConfig
from basrec.model import Recommender
from basrec.objectives import main_objective
from basrec.prepared import Prepared
from basrec.rivals import Contest
from basrec.rng import generator

Make = Callable[..., Any]


def plain_losses(
    method: CMR, model: Recommender, prepared: Prepared, batch: Batch, contest: Contest, mean: Make
) -> dict[str, Tensor]:
    """Both losses by loops; the views and their negatives are drawn in the method's own order."""
    stream, lengths = generator(9, "draws"), batch.layout.lengths.tolist()
    drawn = method.draw(prepared, batch, stream)
    views = drawn.items.split(drawn.layout.lengths.tolist())
    targets, users = [], []
    for view, user in zip(views, batch.whole.user.tolist(), strict=True):
        aims = [None if item == prepared.num_items + 1 else item for item in view[1:].tolist()]
        if batch.aims is not None:
            aims[:-1] = [None] * (len(aims) - 1)
        targets.append(aims)
        users += [user] * sum(item is not None for item in aims)
    negatives = contest.sampler.draw(torch.tensor(users), 1, stream)[0].tolist()
    own, rest = [], iter(batch.targets.tolist())
    for length in lengths:
        blank = 0 if batch.aims is None else length - 1
        own.append([None] * blank + [next(rest) for _ in range(length - blank)])
    return {
        "main": mean(model, batch.items.split(lengths), own, batch.negatives[0].tolist()),
        "views": mean(model, [view[:-1] for view in views], targets, negatives),
    }


@pytest.mark.parametrize("edit", ["window", "whole"])
@pytest.mark.parametrize("aim", ["every", "last"])
@pytest.mark.parametrize("make", [CMR, CMRSI])
def test_losses_and_gradients_equal_the_plain_ones(
    make: type[CMR],
    aim: str,
    edit: str,
    prepared: Prepared,
    model: Recommender,
    batch_of: Make,
    contest_of: Make,
    config_of: Make,
    plain_mean: Make,
    gradients_of: Make,
) -> None:
    method, batch, contest = make(config_of("cmr", edit=edit)), batch_of(aim), contest_of()
    told = method.objective(prepared, contest)(model, batch, generator(9, "draws"))
    plain = plain_losses(method, model, prepared, batch, contest, plain_mean)
    assert set(told) == set(plain)
    for name, value in plain.items():
        assert abs(value.item() - told[name].item()) < 1e-10, name
    for one, other in zip(gradients_of(model, told), gradients_of(model, plain), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("aim", ["every", "last"])
def test_the_main_loss_is_that_of_plain_training(
    aim: str,
    prepared: Prepared,
    model: Recommender,
    batch_of: Make,
    contest_of: Make,
    config_of: Make,
) -> None:
    for options in ({}, {"loss": "ce"}, {"loss": "sampled_softmax", "negatives_from": "batch"}):
        batch, contest = batch_of(aim), contest_of(**options)
        plain = main_objective(contest)(model, batch, generator(9, "draws"))
        told = CMR(config_of("cmr")).objective(prepared, contest)(
            model, batch, generator(9, "draws")
        )
        assert abs(plain["main"].item() - told["main"].item()) < 1e-10


@pytest.mark.parametrize("aim", ["every", "last"])
def test_views_that_are_the_sequence_have_its_targets(
    aim: str, prepared: Prepared, batch_of: Make, contest_of: Make, config_of: Make
) -> None:
    same = {"crop": 1.0, "mask": 0.0, "reorder": 0.0}
    method, batch, stream = CMR(config_of("cmr", views=same)), batch_of(aim), generator(1, "draws")
    drawn = method.draw(prepared, batch, stream)
    views = view_batch(drawn, batch, contest_of(), prepared.num_items + 1, stream)
    assert torch.equal(views.items, batch.items)
    assert torch.equal(views.targets, batch.targets)
    assert torch.equal(views.aimed.sequence, batch.aimed.sequence)
    assert views.negatives.shape == batch.negatives.shape


@pytest.mark.parametrize("loss", ["bce", "gbce", "bpr", "sampled_softmax", "ce"])
@pytest.mark.parametrize("source", ["own", "shared", "batch"])
@pytest.mark.parametrize("mask", [0.3, 1.0])
def test_every_loss_is_finite_even_where_all_targets_are_masked(
    loss: str,
    source: str,
    mask: float,
    prepared: Prepared,
    model: Recommender,
    batch_of: Make,
    contest_of: Make,
    config_of: Make,
    gradients_of: Make,
) -> None:
    if loss == "ce" and source != "own":
        pytest.skip("ce takes all items")
    method = CMRSI(config_of("cmrsi", views={"mask": mask}))
    if mask == 1.0:
        method.operators = ("mask",)
    objective = method.objective(prepared, contest_of(loss=loss, negatives_from=source))
    told = objective(model, batch_of(), generator(9, "draws"))
    assert (told["views"].item() == 0.0) == (mask == 1.0)
    assert all(bool(torch.isfinite(part).all()) for part in gradients_of(model, told))


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (CMR, {"views": {"crop": 0.3}}),
        (CMR, {"views": {"mask": 0.6}}),
        (CMR, {"views": {"reorder": 0.9}}),
        (CMRSI, {"views": {"substitute": 0.7}}),
        (CMRSI, {"views": {"insert": 0.7}}),
        (CMRSI, {"views": {"at_least": 5}}),
        (CMRSI, {"without_neighbour": "random"}),
        (CMR, {"edit": "whole"}),
    ],
)
def test_every_option_changes_the_loss(
    make: type[CMR],
    change: dict[str, Any],
    prepared: Prepared,
    model: Recommender,
    batch_of: Make,
    contest_of: Make,
    config_of: Callable[..., TrainConfig],
) -> None:
    def loss(**options: Any) -> float:
        objective = make(config_of("cmr", **options)).objective(prepared, contest_of())
        return objective(model, batch_of(size=60), generator(9, "draws"))["views"].item()

    assert loss() == loss()
    assert loss(**change) != loss()


def test_pairs_are_alike_where_nothing_is_edited_and_differ_elsewhere(
    prepared: Prepared, model: Recommender, batch_of: Make, config_of: Make
) -> None:
    same = {"crop": 1.0, "mask": 0.0, "reorder": 0.0}
    for views, is_same in ((same, True), ({}, False)):
        method = CMR(config_of("cmr", views=views))
        own, other = method.pairs(model, prepared, batch_of(), generator(9, "draws"))["views"]
        assert own.shape == other.shape == (16, 8)
        assert torch.allclose(own, other, rtol=0, atol=1e-12) == is_same
