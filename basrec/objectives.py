"""What a stage minimises: a batch in, named losses out.

Stage 1: L_main (paper Eq. 13). Stage 2: L_main + L_ssa + L_csa (Eq. 16).
Shapes: B sequences of T packed positions, C copies, M mixes, L slots, D embedding size.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from basrec.augmentation.cross_sequence import (
    Padding,
    Partners,
    draw_partners,
    mixed_scores,
)
from basrec.augmentation.operators import Catalogue
from basrec.augmentation.single_sequence import edit_copies
from basrec.batches import Batch
from basrec.config import AugmentationConfig
from basrec.losses import binary_cross_entropy, scores
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
    return {"main": binary_cross_entropy(*scores(outputs, positives, negatives)).mean()}


def basrec_objective(prepared: Prepared, config: AugmentationConfig) -> Objective:
    """Give the objective of the second stage."""
    catalogue = Catalogue(
        prepared.neighbour,
        prepared.num_items,
        config.substitute_at_least,
        config.without_neighbour == "random",
    )

    def objective(model: Recommender, batch: Batch, stream: torch.Generator) -> Losses:
        table, layout = model.items.weight, batch.layout
        copies = edit_copies(prepared, batch, catalogue, config, stream, table.dtype)
        here = layout.to(table.device)
        partners = draw_partners(here, config, table.shape[1], stream, table.dtype)
        count = len(batch.items)
        ids = torch.cat([batch.items, batch.targets, batch.negatives, copies.items])
        originals, positives, negatives, edited = model.items(ids).split(
            [count, count, count, len(copies.items)]
        )
        mixed = torch.lerp(edited.view(-1, *originals.shape), originals, copies.mix)
        outputs, copied, padding = _encode(
            model, layout, originals, mixed.flatten(0, 1), copies.lengths, partners, config
        )
        main = binary_cross_entropy(*scores(outputs, positives, negatives)).mean()
        copied = copied.view(-1, *outputs.shape)
        single = binary_cross_entropy(*scores(copied, positives, negatives))  # (C, T), Eq. 14
        single = (copies.weight * single).mean(1).sum()
        cross = _cross_sequence_loss(
            model, outputs, positives, negatives, padding, partners, config
        )
        return {"main": main, "single_sequence": single, "cross_sequence": cross}

    return objective


def _encode(
    model: Recommender,
    layout: Packed,
    originals: Tensor,
    mixed: Tensor,
    mixed_lengths: Tensor,
    partners: Partners,
    config: AugmentationConfig,
) -> tuple[Tensor, Tensor, Padding]:
    """Encode originals (T, D) and their mixes with the edited copies (C * T, D), Eq. 6-7.

    Gives the outputs of both, and what partners' padded slots hold. One call serves both, except
    where the originals' padded slots are asked for too.
    """
    slots = model.config.max_length
    slot = layout.slot(slots).to(originals.device, non_blocking=True)
    if config.partner_padding == "encode":
        place = partners.own * slots + slot
        padded = originals.new_zeros(len(layout.lengths) * slots, originals.shape[1])
        padded = padded.index_copy(0, place, originals).view(-1, slots, originals.shape[1])
        dense = model.backbone.encode_padded(padded, layout.lengths).flatten(0, 1)
        copied = model.backbone(mixed, mixed_lengths)
        padding = Padding(dense, partners.sequence * slots + slot, shared=False)
        return dense.index_select(0, place), copied, padding
    lengths = torch.cat([layout.lengths, mixed_lengths])
    outputs, copied = model.backbone(torch.cat([originals, mixed]), lengths).split(
        [len(originals), len(mixed)]
    )
    if config.partner_padding == "shared":
        nothing = originals.new_zeros(1, slots, originals.shape[1])
        rows = model.backbone.encode_padded(nothing, torch.zeros(1, dtype=torch.int64))[0]
        return outputs, copied, Padding(rows, slot.expand_as(partners.index), shared=True)
    rows = outputs.new_zeros(1, outputs.shape[1])
    return outputs, copied, Padding(rows, torch.zeros_like(partners.index), shared=True)


def _cross_sequence_loss(
    model: Recommender,
    outputs: Tensor,
    positives: Tensor,
    negatives: Tensor,
    padding: Padding,
    partners: Partners,
    config: AugmentationConfig,
) -> Tensor:
    """Sum over the mixes of the mean loss of the mixed triple (Eq. 15)."""
    fused = model.kernels if model.kernels and model.kernels.take(outputs) else None
    mix = fused.mixed_scores if fused else mixed_scores
    up, down = mix(outputs, positives, negatives, padding, partners)
    losses = binary_cross_entropy(up, down)  # (M, T)
    if config.partner_padding == "skip":
        real = (partners.index >= 0).to(losses.dtype)
        return ((losses * real).sum(1) / real.sum(1).clamp(min=1.0)).sum()
    return losses.mean(1).sum()
