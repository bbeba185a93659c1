"""Random and Random-Seq: what learned generation must beat.

`random` draws items uniformly from the catalogue, `random_seq` from the user's own training part,
both with replacement. Source: the baselines of DiffuASR (Liu et al., CIKM 2023), which draw for
every user, and from sequences that may hold the validation item; here held-out items never count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from basrec.augmentation.augmenter import Augmenter
from basrec.augmentation.recipients import prior_of, recipients_of
from basrec.prepared import Prepared
from basrec.prior import Generated
from basrec.rng import generator
from basrec.split import Examples

if TYPE_CHECKING:
    from basrec.generation import Generation


class RandomPrior(Augmenter):
    """Puts random items of the catalogue before each user's own."""

    has_prior = True
    learns_prior = False

    def generate(self, generation: Generation) -> Generated:
        """Draw `prior.count` items for each recipient."""
        prepared, device = generation.job.prepared, generation.job.device
        recipients = recipients_of(prepared, self.prior_limit)
        stream = generator(self.config.seed, "generated", device=device)
        size = (len(recipients), self.prior_count)
        uniform = torch.rand(size, generator=stream, device=device, dtype=torch.float64)
        items = self._draw(prepared, recipients, uniform)
        return Generated(prior_of(prepared, recipients, items))

    def _draw(self, prepared: Prepared, recipients: Examples, uniform: Tensor) -> Tensor:
        """Turn uniform numbers (R, M) into items."""
        return (uniform * prepared.num_items).long().clamp(max=prepared.num_items - 1) + 1


class RandomSequencePrior(RandomPrior):
    """Puts random items of the user's own training part before it."""

    def _draw(self, prepared: Prepared, recipients: Examples, uniform: Tensor) -> Tensor:
        device = uniform.device
        start, length = recipients.start.to(device), recipients.length.to(device)
        place = (uniform * length.unsqueeze(1)).long()
        place = torch.minimum(place, length.unsqueeze(1) - 1)
        return prepared.items[start.unsqueeze(1) + place]
