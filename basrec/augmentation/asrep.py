"""ASReP: items before a user's own, predicted by a recommender trained from right to left.

The recommender of the run (a transformer, as published, where that is sasrec) is trained on the
reversed training parts; it then continues each of them, item by item, taking the best-scored item
that is not there yet; and the run goes on from its weights, fine-tuned on the longer sequences.
Source: Liu, Fan, Wang and Yu, SIGIR 2021. On Beauty they pre-train for 200 epochs, as long as they
train, and put 15 items before sequences shorter than 18; so does this, unless told otherwise.
Otherwise than in their code: they generate from sequences that hold the held-out items, here it is
from training parts alone; they add items until a sequence has 18, here each recipient gets all
`count`; they pre-train for a fixed number of epochs, here it stops early by the first items.
Shapes: R recipients, L = max_length slots, M generated items, V items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from basrec.augmentation.augmenter import Augmenter
from basrec.augmentation.pretraining import check_parts, parts_alone, pretrain
from basrec.augmentation.recipients import items_of, prior_of, recipients_of
from basrec.checkpoint import copy_weights
from basrec.config import StageConfig
from basrec.errors import InputError
from basrec.model import Recommender
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.prior import Generated
from basrec.split import Examples

if TYPE_CHECKING:
    from basrec.generation import Generation

BLOCK = 1024
SCORES = 2**24
"""So many recipients, and scores of theirs with all items, are held at once."""


class ASReP(Augmenter):
    """Pre-trains from right to left, generates, and fine-tunes from there."""

    has_prior = True
    own_count, own_limit = 15, 18

    def check_data(self, prepared: Prepared) -> None:
        """Refuse training parts that are too short, and more new items than there are."""
        check_parts(prepared, self.config.method)
        _refuse_too_many(prepared, recipients_of(prepared, self.prior_limit), self.prior_count)

    def generate(self, generation: Generation) -> Generated:
        """Train on the reversed training parts and continue those of the recipients."""
        prepared = generation.job.prepared
        recipients = recipients_of(prepared, self.prior_limit)
        reverse = self.options.asrep
        stage = StageConfig(epochs=reverse.epochs, patience=reverse.patience)
        backwards = parts_alone(prepared, backwards=True)
        model = pretrain(generation, backwards, stage)
        items = continue_backwards(model, backwards, recipients.user, self.prior_count)
        return Generated(prior_of(prepared, recipients, items), copy_weights(model))


def continue_backwards(model: Recommender, data: Prepared, users: Tensor, count: int) -> Tensor:
    """Generate `count` items (R, M) for users (R,) of a reversed dataset, oldest first."""
    offsets = data.offsets
    parts = Examples(users, offsets[users], offsets[users + 1] - offsets[users])
    size = max(1, min(BLOCK, SCORES // (data.num_items + 2)))
    with torch.inference_mode():
        found = [
            _continue_block(model, data, parts.take(slice(first, first + size)), count)
            for first in range(0, len(parts), size)
        ]
    items = torch.cat(found) if found else data.items.new_empty(0, count)
    return items.flip(1)  # what is generated first lies next to the user's own


def _continue_block(model: Recommender, data: Prepared, parts: Examples, count: int) -> Tensor:
    """Generate items (R, M) for some users, in the order of their making."""
    read, lengths = _last_items(data, parts, model.config.max_length)
    known = _known_items(data, parts)
    rows, made = torch.arange(len(parts), device=read.device), []
    for _ in range(count):
        scores = _last_outputs(model, read, lengths) @ model.items.weight[: known.shape[1]].T
        item = scores.masked_fill(known, -torch.inf).argmax(1)
        made.append(item)
        known[rows, item] = True
        read = torch.cat([read[:, 1:], item.unsqueeze(1)], 1)
        lengths = (lengths + 1).clamp(max=read.shape[1])
    return torch.stack(made, 1)


def _last_items(data: Prepared, parts: Examples, slots: int) -> tuple[Tensor, Tensor]:
    """Give the last items (R, L), padded on the left, and how many they are (R,), on the host."""
    items, layout = items_of(data, parts.cut(slots))
    read = torch.zeros(len(parts), slots, dtype=torch.int64)
    read[layout.sequence, layout.slot(slots)] = items.cpu()
    return read.to(items.device), layout.lengths


def _known_items(data: Prepared, parts: Examples) -> Tensor:
    """Say which items (R, V + 1) may not be generated: those of the sequence, and 0, no item."""
    items, layout = items_of(data, parts)
    known = torch.zeros(len(parts), data.num_items + 1, dtype=torch.bool, device=items.device)
    known[layout.sequence.to(items.device), items] = True
    known[:, 0] = True
    return known


def _last_outputs(model: Recommender, read: Tensor, lengths: Tensor) -> Tensor:
    """Encode left-padded items (R, L), giving each sequence's last output (R, D)."""
    slots = torch.arange(read.shape[1])
    is_item = (slots >= read.shape[1] - lengths.unsqueeze(1)).to(read.device)
    outputs = model(read[is_item], lengths)
    return outputs[Packed.of(lengths).last.to(read.device)]


def _refuse_too_many(prepared: Prepared, recipients: Examples, count: int) -> None:
    """Refuse to generate more new items than the catalogue has beside a user's own."""
    items, layout = items_of(prepared, recipients)
    pairs = torch.unique(layout.sequence * (prepared.num_items + 1) + items.cpu())
    owner = torch.div(pairs, prepared.num_items + 1, rounding_mode="floor")
    most = int(owner.bincount().max()) if len(owner) else 0
    if most + count > prepared.num_items:
        raise InputError(
            f"augmentation.prior.count = {count}: a user has {most} of the {prepared.num_items} "
            "items, which leaves too few; lower it, or set augmentation.prior.shorter_than"
        )
