"""CL4SRec against loops over single sequences, on the same random numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from basrec.augmentation.cl4srec import CL4SRec, nt_xent
from basrec.model import Recommender
from basrec.objectives import main_objective
from basrec.prepared import Prepared
from basrec.rng import generator

Make = Callable[..., Any]


def plain_contrast(vectors: list[Tensor], temperature: float) -> Tensor:
    """NT-Xent by loops over views; the first half are twins of the second."""
    half, losses = len(vectors) // 2, []
    for number, view in enumerate(vectors):
        twin = (number + half) % len(vectors)
        against = [
            torch.exp(view @ other / temperature)
            for place, other in enumerate(vectors)
            if place not in (number, twin)
        ]
        up = torch.exp(view @ vectors[twin] / temperature)
        losses.append(-torch.log(up / (up + sum(against))))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("edit", ["window", "whole"])
@pytest.mark.parametrize("aim", ["every", "last"])
def test_losses_and_gradients_equal_the_plain_ones(
    aim: str,
    edit: str,
    prepared: Prepared,
    model: Recommender,
    batch_of: Make,
    contest_of: Make,
    config_of: Make,
    gradients_of: Make,
) -> None:
    contrast = {"weight": 0.3, "temperature": 0.7}
    method = CL4SRec(config_of("cl4srec", edit=edit, contrast=contrast))
    batch, contest = batch_of(aim, size=6), contest_of()
    told = method.objective(prepared, contest)(model, batch, generator(9, "draws"))
    views = method.draw(prepared, batch, generator(9, "draws"))
    vectors = [
        model(view, torch.tensor([len(view)]))[-1]
        for view in views.items.split(views.layout.lengths.tolist())
    ]
    assert len(vectors) == 12
    plain = {
        "main": main_objective(contest)(model, batch, generator(9, "draws"))["main"],
        "contrast": 0.3 * plain_contrast(vectors, 0.7),
    }
    for name, value in plain.items():
        assert abs(value.item() - told[name].item()) < 1e-10, name
    for one, other in zip(gradients_of(model, told), gradients_of(model, plain), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_views_of_one_sequence_come_from_it(
    prepared: Prepared, batch_of: Make, config_of: Make
) -> None:
    batch = batch_of()
    views = CL4SRec(config_of("cl4srec")).draw(prepared, batch, generator(9, "draws"))
    parts = views.items.split(views.layout.lengths.tolist())
    own = batch.items.split(batch.layout.lengths.tolist())
    for view, items in zip(parts, own * 2, strict=True):
        assert set(view.tolist()) <= {*items.tolist(), prepared.num_items + 1}
    assert any(not torch.equal(*pair) for pair in zip(parts[:16], parts[16:], strict=True))


def test_contrast_by_hand() -> None:
    views = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    # twins have score 1 / 0.5, both others 0
    expected = -2.0 + torch.log(torch.tensor(2.0, dtype=torch.float64).exp() + 2)
    assert nt_xent(views, 0.5).item() == pytest.approx(expected.item(), abs=1e-12)


def test_a_single_sequence_has_nothing_to_contrast(
    prepared: Prepared,
    model: Recommender,
    batch_of: Make,
    contest_of: Make,
    config_of: Make,
    gradients_of: Make,
) -> None:
    objective = CL4SRec(config_of("cl4srec")).objective(prepared, contest_of())
    told = objective(model, batch_of(size=1), generator(9, "draws"))
    assert told["contrast"].item() == 0.0
    assert all(bool(torch.isfinite(part).all()) for part in gradients_of(model, told))


@pytest.mark.parametrize(
    "change",
    [
        {"views": {"crop": 0.3}},
        {"views": {"mask": 0.6}},
        {"views": {"reorder": 0.9}},
        {"contrast": {"weight": 0.2}},
        {"contrast": {"temperature": 0.5}},
        {"edit": "whole"},
    ],
)
def test_every_option_changes_the_loss(
    change: dict[str, Any],
    prepared: Prepared,
    model: Recommender,
    batch_of: Make,
    contest_of: Make,
    config_of: Make,
) -> None:
    def loss(**options: Any) -> float:
        objective = CL4SRec(config_of("cl4srec", **options)).objective(prepared, contest_of())
        return objective(model, batch_of(size=60), generator(9, "draws"))["contrast"].item()

    assert loss() == loss()
    assert loss(**change) != loss()


def test_pairs_are_alike_where_nothing_is_edited_and_differ_elsewhere(
    prepared: Prepared, model: Recommender, batch_of: Make, config_of: Make
) -> None:
    same = {"crop": 1.0, "mask": 0.0, "reorder": 0.0}
    for views, is_same in ((same, True), ({}, False)):
        method = CL4SRec(config_of("cl4srec", views=views))
        own, other = method.pairs(model, prepared, batch_of(), generator(9, "draws"))["views"]
        assert own.shape == other.shape == (32, 8)
        assert torch.allclose(own, other, rtol=0, atol=1e-12) == is_same
