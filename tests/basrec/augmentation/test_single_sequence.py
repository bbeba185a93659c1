"""What the edited copies draw: rates, operators and mixing weights, against their laws."""

from collections.abc import Sequence

import pytest
import torch
from scipy.stats import beta, chisquare, kstest, uniform
from torch import Tensor

from basrec.augmentation.operators import Catalogue
from basrec.augmentation.single_sequence import Copies, edit_copies
from basrec.batches import Batch, draw_batches
from basrec.config import AugmentationConfig
from basrec.negatives import build_sampler
from basrec.prepared import Prepared
from basrec.rng import generator
from basrec.split import examples_of

USERS, LENGTH, ITEMS = 400, 400, 800
ALL = ("reorder", "substitute", "mask")


def long_sequences() -> tuple[Prepared, Batch]:
    """Sequences of items 1..400, whose neighbours lie in 401..800, so that an edit tells itself."""
    items = torch.arange(1, LENGTH + 4).repeat(USERS)
    offsets = torch.arange(USERS + 1) * (LENGTH + 3)
    neighbour = (torch.arange(ITEMS + 1) - 1) % LENGTH + LENGTH + 1
    prepared = Prepared(items, offsets, neighbour, ITEMS, {})
    sampler = build_sampler(prepared, "any", False, torch.device("cpu"))
    streams = generator(1, "shuffle"), generator(1, "draws")
    examples = examples_of(prepared, "train")
    return prepared, next(draw_batches(prepared, examples, sampler, USERS, 1, LENGTH, *streams))


def copies_of(config: AugmentationConfig) -> tuple[Copies, Tensor, Tensor]:
    """Give the copies, and the operator (C * B,) and the rate (C * B,) read off the edits."""
    prepared, batch = long_sequences()
    catalogue = Catalogue.of(prepared, config)
    copies = edit_copies(prepared, batch, catalogue, config, generator(3, "draws"), torch.float64)
    edited = copies.items.view(-1, LENGTH)
    masked, replaced = edited == catalogue.mask, (edited > LENGTH) & (edited <= ITEMS)
    which = torch.where(masked.any(1), 2, torch.where(replaced.any(1), 1, 0))
    # floor(rate * n) is known: anywhere within the step above it the rate lies alike
    within = torch.rand(len(edited), generator=generator(4, "draws"), dtype=torch.float64)
    rate = ((masked | replaced).sum(1) + within) / LENGTH
    return copies, which, rate


def turns(which: Tensor) -> Sequence[Sequence[int]]:
    return [row.unique().tolist() for row in which.view(-1, USERS)]


def test_rates_are_uniform_between_the_ends() -> None:
    for rate in ((0.2, 0.7), (0.5, 0.6)):
        config = AugmentationConfig(operators=("substitute",), rate=rate, pairs=2)
        seen = copies_of(config)[2]
        assert kstest(seen, uniform(rate[0], rate[1] - rate[0]).cdf).pvalue > 0.01


def test_a_random_choice_takes_every_operator_alike_and_rates_do_not_depend_on_it() -> None:
    config = AugmentationConfig(operators=ALL, choice="random", pairs=2)
    _, which, rate = copies_of(config)
    assert chisquare(torch.bincount(which, minlength=3)).pvalue > 0.01
    for number in (1, 2):
        assert kstest(rate[which == number], uniform(0.2, 0.5).cdf).pvalue > 0.01


@pytest.mark.parametrize(("count", "expected"), [(2, [0, 1, 0, 1]), (3, [0, 1, 2, 0])])
def test_operators_in_turn_go_round_the_copies(count: int, expected: list[int]) -> None:
    config = AugmentationConfig(operators=ALL[:count], choice="each", pairs=2)
    assert turns(copies_of(config)[1]) == [[number] for number in expected]


def test_mixing_weights_are_beta_and_one_a_copy() -> None:
    config = AugmentationConfig(pairs=2)
    mix = copies_of(config)[0].mix.view(-1, LENGTH)
    assert bool((mix == mix[:, :1]).all())
    assert kstest(mix[:, 0], beta(0.4, 0.4).cdf).pvalue > 0.01
