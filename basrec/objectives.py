"""What a stage minimises: a batch in, named losses out.

Stage 1: L_main (paper Eq. 13). Stage 2: L_main + L_ssa + L_csa (Eq. 16).
Shapes: B sequences of T packed positions, C copies, M mixes, L slots, D embedding size.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from basrec.augmentation.cross_sequence import (
    Partners,
    draw_partners,
    mix_with_partners,
    rows_of,
)
from basrec.augmentation.operators import Catalogue
from basrec.augmentation.single_sequence import Copies, edit_copies
from basrec.batches import Batch
from basrec.config import AugmentationConfig
from basrec.losses import binary_cross_entropy
from basrec.model import Recommender
from basrec.packed import Packed
from basrec.prepared import Prepared

Losses = dict[str, Tensor]
Objective = Callable[[Recommender, Batch, torch.Generator], Losses]


def main_objective(model: Recommender, batch: Batch, stream: torch.Generator) -> Losses:
    """Predict the next item at every position."""
    parts = torch.cat([batch.items, batch.targets, batch.negatives])
    vectors, positives, negatives = model.items(parts).chunk(3)
    outputs = model.backbone(vectors, batch.layout.lengths)
    return {"main": binary_cross_entropy(outputs, positives, negatives).mean()}


def basrec_objective(prepared: Prepared, config: AugmentationConfig) -> Objective:
    """Give the objective of the second stage."""
    catalogue = Catalogue(
        prepared.neighbour,
        prepared.num_items,
        config.substitute_at_least,
        config.without_neighbour == "random",
    )

    def objective(model: Recommender, batch: Batch, stream: torch.Generator) -> Losses:
        dtype = model.items.weight.dtype
        copies = edit_copies(prepared, batch, catalogue, config, stream, dtype)
        count = len(batch.items)
        ids = torch.cat([batch.items, batch.targets, batch.negatives, copies.items])
        originals, positives, negatives, edited = model.items(ids).split(
            [count, count, count, len(copies.items)]
        )
        outputs, copied, padding = _encode(model, batch.layout, originals, edited, copies, config)
        single = _single_sequence_loss(copied, positives, negatives, copies.weight)
        cross = _cross_sequence_loss(
            outputs, positives, negatives, padding, batch.layout, config, stream
        )
        main = binary_cross_entropy(outputs, positives, negatives).mean()
        return {"main": main, "single_sequence": single, "cross_sequence": cross}

    return objective


Padding = Callable[[Partners], Tensor]
"""Gives the encoder's output (M, T, D) for partners' padded slots."""


def _encode(
    model: Recommender,
    layout: Packed,
    originals: Tensor,
    edited: Tensor,
    copies: Copies,
    config: AugmentationConfig,
) -> tuple[Tensor, Tensor, Padding]:
    """Encode originals (T, D) and their mixes with the edited copies (C * T, D), Eq. 6-7.

    One call serves both, except where the originals' padded slots are asked for too.
    """
    count, slots = len(originals), model.config.max_length
    slot = layout.slot(slots).to(originals.device, non_blocking=True)
    repeated = originals.repeat(len(edited) // count, 1)
    mixed = torch.lerp(edited, repeated, copies.mix.unsqueeze(1))
    if config.partner_padding == "encode":
        place = layout.sequence.to(slot.device) * slots + slot
        padded = originals.new_zeros(len(layout.lengths) * slots, originals.shape[1])
        padded = padded.index_copy(0, place, originals).view(-1, slots, originals.shape[1])
        dense = model.backbone.encode_padded(padded, layout.lengths).flatten(0, 1)
        copied = model.backbone(mixed, copies.lengths)
        outputs = dense.index_select(0, place)
        return outputs, copied, lambda who: rows_of(dense, who.sequence * slots + slot)
    lengths = torch.cat([layout.lengths, copies.lengths])
    encoded = model.backbone(torch.cat([originals, mixed]), lengths)
    outputs, copied = encoded[:count], encoded[count:]
    if config.partner_padding == "shared":
        nothing = originals.new_zeros(1, slots, originals.shape[1])
        empty = torch.zeros(1, dtype=torch.int64)
        rows = model.backbone.encode_padded(nothing, empty)[0].index_select(0, slot)
        return outputs, copied, lambda who: rows
    return outputs, copied, lambda who: outputs.new_zeros(1)


def _single_sequence_loss(
    outputs: Tensor, positives: Tensor, negatives: Tensor, weight: Tensor
) -> Tensor:
    """Sum over the copies of the mean weighted loss, with the originals' targets (Eq. 14)."""
    shape = (-1, *positives.shape)
    losses = binary_cross_entropy(outputs.view(shape), positives, negatives)  # (C, T)
    return (weight.view_as(losses) * losses).mean(1).sum()


def _cross_sequence_loss(
    outputs: Tensor,
    positives: Tensor,
    negatives: Tensor,
    padding: Padding,
    layout: Packed,
    config: AugmentationConfig,
    stream: torch.Generator,
) -> Tensor:
    """Sum over the mixes of the mean loss of the mixed triple (Eq. 15)."""
    size = outputs.shape[1]
    partners = draw_partners(layout.to(outputs.device), config, size, stream, outputs.dtype)
    nothing = outputs.new_zeros(1)
    losses = binary_cross_entropy(
        mix_with_partners(outputs, padding(partners), partners),
        mix_with_partners(positives, nothing, partners),
        mix_with_partners(negatives, nothing, partners),
    )  # (M, T)
    if config.partner_padding == "skip":
        real = partners.real.squeeze(-1).to(losses.dtype)
        return ((losses * real).sum(1) / real.sum(1).clamp(min=1.0)).sum()
    return losses.mean(1).sum()
