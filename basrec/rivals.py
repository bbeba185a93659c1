"""What a target is scored against: its own negatives, candidates that a batch shares, or all items.

Shapes: T positions of B sequences, N negatives a position, K shared candidates, D embedding size.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from basrec.batches import Batch
from basrec.config import TrainSection
from basrec.errors import InputError
from basrec.losses import Loss, build_loss
from basrec.negatives import NegativeSampler
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.split import examples_of

SCORES = 2**24
"""Full softmax holds so many scores at once, and makes them again for the gradient."""


@dataclass(frozen=True)
class Rivals:
    """The items that a batch's targets are held against.

    Shapes: items (N, T), or (K,) if shared, or (0,) if all; `hidden` (T, K): the shared ones that
    do not count for a position; `correction` (K,) or one number is taken off the scores.
    """

    items: Tensor
    hidden: Tensor | None = None
    correction: Tensor | float = 0.0

    @property
    def own(self) -> bool:
        """Say whether each position has its own."""
        return self.items.dim() == 2

    def score(self, outputs: Tensor, vectors: Tensor) -> Tensor:
        """Score outputs (..., T, D) with the rivals' vectors, giving (..., T, N).

        The vectors are (N, ..., T, D) for own ones and (K, D) for shared ones.
        For all items the vectors are the catalogue, and the score is the log of the sum of
        exponentials over it, (..., T, 1).
        """
        if self.own:
            return torch.stack([(outputs * part).sum(-1) for part in vectors], -1) - self.correction
        if len(self.items) == 0:
            return _log_sum(outputs, vectors).unsqueeze(-1)
        down = outputs @ vectors.T - self.correction
        return down if self.hidden is None else down.masked_fill(self.hidden, -torch.inf)


def _log_sum(outputs: Tensor, table: Tensor) -> Tensor:
    """Give log sum exp of the scores with a whole catalogue, a block of positions at a time."""

    def block(part: Tensor, table: Tensor) -> Tensor:
        return torch.logsumexp(part @ table.T, -1)

    flat = outputs.reshape(-1, outputs.shape[-1])
    parts = torch.split(flat, max(1, SCORES // len(table)))
    if len(parts) == 1:
        return block(flat, table).view(outputs.shape[:-1])
    options: dict[str, Any] = {"use_reentrant": False, "preserve_rng_state": False}
    sums = [checkpoint(block, part, table, **options) for part in parts]
    return torch.cat(sums).view(outputs.shape[:-1])


@dataclass(frozen=True)
class Contest:
    """How targets are scored against rivals, and what loss that gives."""

    config: TrainSection
    loss: Loss
    prepared: Prepared
    sampler: NegativeSampler
    share: Tensor | None
    """(V + 2,) each item's share of the training targets, where the loss corrects for it."""

    @classmethod
    def of(cls, config: TrainSection, prepared: Prepared, sampler: NegativeSampler) -> "Contest":
        """Make the contest that the config names."""
        if config.negatives_from == "shared" and config.negative_count > sampler.top:
            raise InputError(
                f"train.negative_count = {config.negative_count}: there are {sampler.top} items to "
                "share; lower it, or set train.loss=ce, which takes them all"
            )
        corrected = config.loss == "sampled_softmax" and config.negatives_from == "batch"
        share = _target_shares(prepared) if corrected else None
        return cls(config, build_loss(config, prepared.num_items), prepared, sampler, share)

    def rivals(self, batch: Batch, stream: torch.Generator) -> Rivals:
        """Draw the rivals of a batch."""
        softmax = self.config.loss == "sampled_softmax"
        if self.config.loss == "ce":
            return Rivals(batch.items.new_empty(0))
        if self.config.negatives_from == "own":
            # A uniform draw meets each item so often; the softmax is corrected for it.
            count = len(batch.negatives) if softmax else self.sampler.top
            return Rivals(batch.negatives, correction=_log(count / self.sampler.top))
        if self.config.negatives_from == "shared":
            size = (self.config.negative_count,)
            drawn = torch.randint(
                1, self.sampler.top + 1, size, generator=stream, device=batch.items.device
            )
            items = torch.unique(drawn)
            correction: Tensor | float = _log(len(items) / self.sampler.top) if softmax else 0.0
        else:
            items, correction = torch.unique(batch.targets), 0.0
            if self.share is not None:  # an item is there unless none of the T targets is it
                # What is a target through augmentation alone counts as if it were one once.
                share = self.share[items].clamp(min=float(self.share[self.share > 0].min()))
                missed = torch.log1p(-share) * len(batch.targets)
                correction = torch.log(-torch.expm1(missed)).to(torch.get_default_dtype())
        hidden = self._known(batch, items) | (items == batch.targets.unsqueeze(1))
        return Rivals(items, hidden, correction)

    def _known(self, batch: Batch, items: Tensor) -> Tensor:
        """Say which candidates (T, K) are among the items that the sampler keeps a user from."""
        users, device = batch.whole.user, items.device
        layout = Packed.of(self.sampler.known[users])
        place = layout.flat(self.prepared.offsets[users]).to(device, non_blocking=True)
        column = torch.full((self.sampler.top + 2,), len(items), device=device)
        column[items] = torch.arange(len(items), device=device)
        known = torch.zeros(len(users), len(items) + 1, dtype=torch.bool, device=device)
        sequence = layout.sequence.to(device, non_blocking=True)
        known[sequence, column[self.prepared.items[place]]] = True
        return known[batch.aimed.sequence.to(device, non_blocking=True), :-1]


def _target_shares(prepared: Prepared) -> Tensor:
    """Give each item's share (V + 2,) of the training targets, before inputs are cut."""
    examples = examples_of(prepared, "train")
    place = Packed.of(examples.length).flat(examples.start).to(prepared.items.device) + 1
    targets = prepared.items[place].bincount(minlength=prepared.num_items + 2).double()
    return targets / targets.sum()


def _log(value: float) -> float:
    return float(torch.tensor(value, dtype=torch.float64).log())
