"""What a stage minimises: a batch in, named losses out.

Stage 1: L_main (paper Eq. 13). Stage 2: L_main + L_ssa + L_csa (Eq. 16).
Shapes: B sequences of T packed positions, C copies, M mixes, L slots, D embedding size.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from basrec.augmentation.cross_sequence import (
    Padding,
    Partners,
    draw_partners,
    mix_with_partners,
)
from basrec.augmentation.operators import Catalogue
from basrec.augmentation.single_sequence import edit_copies
from basrec.batches import Batch
from basrec.config import AugmentationConfig
from basrec.kernels import fitting
from basrec.model import Recommender
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.rivals import Contest, Rivals

Losses = dict[str, Tensor]
Objective = Callable[[Recommender, Batch, torch.Generator], Losses]


def main_objective(contest: Contest) -> Objective:
    """Give the objective of the first stage: predict the next item at every position."""

    def objective(model: Recommender, batch: Batch, stream: torch.Generator) -> Losses:
        rivals = contest.rivals(batch, stream)
        originals, positives, others = _vectors(
            model, batch.items, batch.targets, rivals.items.flatten()
        )
        outputs = model.backbone(originals, batch.layout.lengths)
        against = _against(model, rivals, others)
        return {"main": _loss(contest, rivals, outputs, positives, against).mean()}

    return objective


def basrec_objective(prepared: Prepared, config: AugmentationConfig, contest: Contest) -> Objective:
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
        rivals = contest.rivals(batch, stream)
        originals, positives, others, edited = _vectors(
            model, batch.items, batch.targets, rivals.items.flatten(), copies.items
        )
        mixed = torch.lerp(edited.view(-1, *originals.shape), originals, copies.mix)
        outputs, copied, padding = _encode(
            model, layout, originals, mixed.flatten(0, 1), copies.lengths, partners, config
        )
        against = _against(model, rivals, others)
        main = _loss(contest, rivals, outputs, positives, against).mean()
        copied = copied.view(-1, *outputs.shape)
        single = _loss(contest, rivals, copied, positives, against)  # (C, T), Eq. 14
        single = (copies.weight * single).mean(1).sum()
        up, down = _mixed_scores(model, rivals, outputs, positives, against, padding, partners)
        cross = _cross_sequence_loss(contest.loss(up, down), partners, config)
        return {"main": main, "single_sequence": single, "cross_sequence": cross}

    return objective


def _vectors(model: Recommender, *items: Tensor) -> Sequence[Tensor]:
    """Look up several lists of items at once."""
    parts: Sequence[Tensor] = torch.split(
        model.items(torch.cat(items)), [len(part) for part in items]
    )
    return parts


def _against(model: Recommender, rivals: Rivals, others: Tensor) -> Tensor:
    """Give the rivals' vectors as `Rivals.score` takes them; all items are the catalogue."""
    if len(rivals.items) == 0:
        return model.drawable()
    return others.view(*rivals.items.shape, -1)


def _loss(
    contest: Contest, rivals: Rivals, outputs: Tensor, positives: Tensor, against: Tensor
) -> Tensor:
    """Give the loss of each position of outputs (..., T, D)."""
    return contest.loss((outputs * positives).sum(-1), rivals.score(outputs, against))


def _mixed_scores(
    model: Recommender,
    rivals: Rivals,
    outputs: Tensor,
    positives: Tensor,
    against: Tensor,
    padding: Padding,
    partners: Partners,
) -> tuple[Tensor, Tensor]:
    """Score every mixed output with its mixed target (M, T) and its rivals (M, T, N).

    A position's own negatives are mixed with the partner's, as the target is (Eq. 10). Shared
    rivals stay as they are: under softmax over all items that is the loss of the two targets,
    weighted as they are mixed.
    """
    kernels = fitting(model.kernels, outputs)
    if kernels and rivals.own and len(rivals.items) == 1:
        up, down = kernels.mixed_scores(outputs, positives, against[0], padding, partners)
        return up, (down - rivals.correction).unsqueeze(-1)
    mixed = mix_with_partners(outputs, padding, partners)
    up = (mixed * mix_with_partners(positives, None, partners)).sum(-1)
    if rivals.own:
        against = torch.stack([mix_with_partners(part, None, partners) for part in against])
    return up, rivals.score(mixed, against)


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
        asked = partners.longest_met(layout) if model.kernels else None
        dense = model.backbone.encode_padded(padded, layout.lengths, asked).flatten(0, 1)
        copied = model.backbone(mixed, mixed_lengths)
        padding = Padding(dense, partners.partner[:, partners.own] * slots + slot, shared=False)
        return dense.index_select(0, place), copied, padding
    lengths = torch.cat([layout.lengths, mixed_lengths])
    encoded = model.backbone(torch.cat([originals, mixed]), lengths)
    outputs, copied = encoded[: len(originals)], encoded[len(originals) :]
    if config.partner_padding == "shared":
        nothing = originals.new_zeros(1, slots, originals.shape[1])
        rows = model.backbone.encode_padded(nothing, torch.zeros(1, dtype=torch.int64))[0]
        return outputs, copied, Padding(rows, slot.expand_as(partners.index), shared=True)
    rows = outputs.new_zeros(1, outputs.shape[1])
    return outputs, copied, Padding(rows, torch.zeros_like(partners.index), shared=True)


def _cross_sequence_loss(losses: Tensor, partners: Partners, config: AugmentationConfig) -> Tensor:
    """Sum over the mixes of the mean loss (M, T) of the mixed triples (Eq. 15)."""
    if config.partner_padding == "skip":
        real = (partners.index >= 0).to(losses.dtype)
        return ((losses * real).sum(1) / real.sum(1).clamp(min=1.0)).sum()
    return losses.mean(1).sum()
