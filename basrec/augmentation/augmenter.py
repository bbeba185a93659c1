"""What an augmenter may do; the base method does none of it.

It may change the dataset before training (`generate`, `examples`), add views to a batch, mix
representations or add a loss term (`objective`). To add one: one file, one line in AUGMENTERS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from basrec.augmentation.operators import check_operators
from basrec.batches import Aim, Batch
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.inputs import read_inputs
from basrec.model import Recommender
from basrec.objectives import Objective, main_objective
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.prior import Generated
from basrec.rivals import Contest
from basrec.split import Examples

if TYPE_CHECKING:
    from basrec.generation import Generation

Pairs = dict[str, tuple[Tensor, Tensor]]
"""Outputs (R, D) of original samples and of what was made of them, by the kind of sample."""


@dataclass(frozen=True)
class Samples:
    """Sequences that the augmentation makes of a batch, before any mixing.

    Shapes: items (T',); `layout`, on the host, of as many sequences as the batch has or a whole
    multiple of it, copy after copy; asked (B',): so many items each rate asked to edit, where
    there is a rate.
    """

    items: Tensor
    layout: Packed
    asked: Tensor | None = None


class Augmenter:
    """Plain training, and the base of all augmenters."""

    has_prior = False
    """Whether `generate` puts items before those of the users."""
    own_count: int = 10
    own_limit: int | Literal["all"] = "all"
    """What `prior.count` and `prior.shorter_than` are where nothing is said (DiffuASR's)."""
    learns_prior = True
    """Whether it trains something to generate them, by the config's section of its name."""
    operators: tuple[str, ...] = ()
    """The operators it edits with."""
    weighs_copies = False
    """Whether the losses of its edited copies carry adaptive weights."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.options = config.augmentation

    @property
    def two_stages(self) -> bool:
        """Whether it begins from a trained base model."""
        return False

    @property
    def makes_pairs(self) -> bool:
        """Whether `pairs` has something to compare."""
        return self.has_prior or type(self).pairs is not Augmenter.pairs

    def check(self) -> None:
        """Refuse a config that cannot work, before any work starts.

        Errors: InputError.
        """
        check_operators(self.operators)
        count, most = self.prior_count, self.config.model.max_length
        if self.has_prior and count >= most:
            raise InputError(
                f"augmentation.prior.count = {count} leaves no room for a user's own items within "
                f"model.max_length = {most}; lower it"
            )

    def check_data(self, prepared: Prepared) -> None:
        """Refuse data that the method cannot work on, before any work starts.

        Errors: InputError.
        """

    @property
    def prior_count(self) -> int:
        """How many items a recipient is given."""
        return self.options.prior.count or self.own_count

    @property
    def prior_limit(self) -> int | None:
        """How many items a user has at least who is given none; None where all are given some."""
        told = self.options.prior.shorter_than or self.own_limit
        return None if told == "all" else int(told)

    def generate(self, generation: Generation) -> Generated:
        """Make the items to put before each user's own, from the training parts alone."""
        raise NotImplementedError

    def aim(self, causal: bool) -> Aim:
        """Say which positions of its inputs aim at the next item."""
        if not causal:  # an output that has seen the next item cannot be trained to predict it
            return "last"
        has_own_targets = self.has_prior and self.options.prior.targets == "real"
        return "own" if has_own_targets else "every"

    def examples(self, prepared: Prepared, examples: Examples) -> Examples:
        """Give the examples to train on, made from one for each user."""
        return examples

    def augmented(self, prepared: Prepared, examples: Examples) -> Examples:
        """Give the examples that the augmentation makes something of: all, or their users'.

        Where items were generated, users who were given none are left as they were.
        """
        if prepared.prior is None:
            return examples
        given = prepared.prior.offsets.diff() > 0
        return examples.take(torch.nonzero(given[examples.user]).squeeze(1))

    def objective(self, prepared: Prepared, contest: Contest) -> Objective:
        """Give what is minimised."""
        return main_objective(contest)

    def pairs(
        self, model: Recommender, prepared: Prepared, batch: Batch, stream: torch.Generator
    ) -> Pairs:
        """Encode some samples and what the augmentation makes of them, to compare them.

        Where items were generated: the last outputs of a batch's sequences without and with them.
        """
        if prepared.prior is None:
            return {}
        own = read_inputs(replace(prepared, prior=None), batch.whole, self.config.model.max_length)
        told = []
        for items, layout in ((own.items, own.layout), (batch.items, batch.layout)):
            last = layout.last.to(items.device, non_blocking=True)
            told.append(model(items, layout.lengths).index_select(0, last))
        return {"generated": (told[0], told[1])}

    def samples(
        self, prepared: Prepared, batch: Batch, stream: torch.Generator
    ) -> dict[str, Samples]:
        """Give the sequences that the augmentation makes of a batch, by kind."""
        return {"generated": Samples(batch.items, batch.layout)} if prepared.prior else {}
