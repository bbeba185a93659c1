"""Views against a choice by loops, on the same random numbers."""

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from basrec.augmentation.operators import OPERATORS, Catalogue
from basrec.augmentation.views import Packs, draw_views
from basrec.augmentation_config import ViewOptions
from basrec.packed import Packed
from basrec.rng import generator

NAMES = ("crop", "mask", "reorder", "substitute", "insert")
CATALOGUE = Catalogue(torch.tensor([0, *range(2, 100), 0, 0]), 100, 0, False)


def sources() -> Packs:
    lengths = torch.arange(1, 41) % 12 + 1
    layout = Packed.of(lengths)
    return Packs(torch.arange(len(layout)) % 100 + 1, layout)


def parts(packs: Packs) -> list[Tensor]:
    return list(packs.items.split(packs.layout.lengths.tolist()))


@pytest.mark.parametrize("at_least", [1, 3])
def test_each_view_is_what_its_operator_made_of_the_sequence(at_least: int) -> None:
    given, options = sources(), ViewOptions(insert=0.8)
    stream = generator(5, "draws")
    made = []
    for name in NAMES:
        rate = torch.full((40,), getattr(options, name), dtype=torch.float64)
        edited = OPERATORS[name].edit(given.items, given.layout, rate, CATALOGUE, stream)
        made.append(edited.items.split(edited.lengths.tolist()))
    which = torch.randint(5, (40,), generator=stream).tolist()
    views = draw_views(given, NAMES, options, CATALOGUE, 10, generator(5, "draws"), at_least)
    for row, (view, own) in enumerate(zip(parts(views), parts(given), strict=True)):
        expected = made[which[row]][row]
        expected = own if len(expected) < at_least else expected
        assert torch.equal(view, expected[-10:])
    longest = max(len(part) for operator in made for part in operator)
    assert longest > 10 == int(views.layout.lengths.max())


def test_operators_are_drawn_alike() -> None:
    layout = Packed.of(torch.full((3000,), 4))
    given = Packs(torch.arange(1, 5).repeat(3000), layout)
    options = ViewOptions(crop=0.5, insert=1.0, mask=0.5)
    names = ("crop", "mask", "insert")
    views = draw_views(given, names, options, CATALOGUE, 50, generator(5, "draws"))
    counts = torch.bincount(views.layout.lengths, minlength=9)[[2, 4, 8]]
    assert int(counts.sum()) == 3000
    assert chisquare(counts).pvalue > 0.01


def test_the_input_is_left_as_it_is() -> None:
    given = sources()
    before = given.items.clone()
    draw_views(given, NAMES, ViewOptions(), CATALOGUE, 10, generator(5, "draws"))
    assert torch.equal(given.items, before)
