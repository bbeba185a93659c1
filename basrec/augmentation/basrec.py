"""BASRec: edited copies mixed in embedding space, and mixup across users (AAAI 2025).

L_main + L_ssa + L_csa (paper Eq. 16), begun from stage 1's best weights. Its ablations: pairs = 0
(no single-sequence branch), mixes = 0 (no cross-sequence branch), weight = one (no adaptive loss
weight), mixup = linear, two_stages = false.
Shapes: B sequences of T packed positions, P of which aim at a target, C copies, M mixes, L slots, D
embedding size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from basrec.augmentation.augmenter import Augmenter, Pairs, Samples
from basrec.augmentation.cross_sequence import draw_partners, mix_with_partners
from basrec.augmentation.operators import OPERATORS, Catalogue
from basrec.augmentation.single_sequence import Copies, edit_copies, operator_samples
from basrec.batches import Batch
from basrec.config import AugmentationConfig
from basrec.errors import InputError
from basrec.kernels import fitting
from basrec.model import Recommender
from basrec.objectives import Losses, Objective, look_up, position_losses, vectors_of
from basrec.partners import Padding, Partners
from basrec.prepared import Prepared
from basrec.rivals import Contest, Rivals


class BASRec(Augmenter):
    """Both branches beside the main loss."""

    @property
    def operators(self) -> tuple[str, ...]:  # type: ignore[override]
        """The operators of the single-sequence branch, where there is one."""
        return self.options.operators if self.options.pairs else ()

    @property
    def two_stages(self) -> bool:
        """Whether it begins from a trained base model."""
        return self.options.two_stages

    @property
    def weighs_copies(self) -> bool:  # type: ignore[override]
        """Whether there is a single-sequence branch."""
        return self.options.pairs > 0

    def check(self) -> None:
        """Refuse what leaves nothing to do, and copies that cannot be mixed with the original."""
        super().check()
        if self.options.pairs == self.options.mixes == 0:
            raise InputError(
                "augmentation.pairs = 0 and augmentation.mixes = 0 leave nothing of BASRec; use "
                "method base"
            )
        for name in self.operators:
            if not OPERATORS[name].keeps_length:
                raise InputError(
                    f"augmentation.operators: {name!r} changes the length, so that a copy cannot "
                    "be mixed with its original; take it out, or use method cmrsi"
                )

    def objective(self, prepared: Prepared, contest: Contest) -> Objective:
        """Give the sum of the main loss and both branches'."""
        return basrec_objective(prepared, self.options, contest)

    def pairs(
        self, model: Recommender, prepared: Prepared, batch: Batch, stream: torch.Generator
    ) -> Pairs:
        """Compare originals with mixed copies, and with mixes across users."""
        drawn = Draws.of(model, prepared, self.options, batch, stream)
        originals, edited = look_up(model, batch.items, drawn.edited(batch))
        outputs, copied, padding = encode(model, batch, originals, edited, drawn, self.options)
        told: Pairs = {}
        if drawn.copies:
            told["single_sequence"] = outputs.expand_as(copied).flatten(0, 1), copied.flatten(0, 1)
        if drawn.partners:
            mixed = mix_with_partners(outputs, padding, drawn.partners)
            there = drawn.partners.mixed(self.options)
            told["cross_sequence"] = outputs.expand_as(mixed)[there], mixed[there]
        return told

    def samples(
        self, prepared: Prepared, batch: Batch, stream: torch.Generator
    ) -> dict[str, Samples]:
        """Give the copies that each operator edits, the operator applied to all sequences."""
        return {
            name: operator_samples(name, prepared, batch, self.options, stream)
            for name in self.operators
        }


@dataclass(frozen=True)
class Draws:
    """All that a batch's augmentation draws; a branch that is left out has none."""

    copies: Copies | None
    partners: Partners | None

    @classmethod
    def of(
        cls,
        model: Recommender,
        prepared: Prepared,
        config: AugmentationConfig,
        batch: Batch,
        stream: torch.Generator,
    ) -> "Draws":
        """Draw copies and partners of a batch."""
        table = model.items.weight
        copies = partners = None
        if config.pairs:
            catalogue = Catalogue.of(prepared, config)
            copies = edit_copies(prepared, batch, catalogue, config, stream, table.dtype)
        if config.mixes:
            here = batch.aimed.to(table.device)
            partners = draw_partners(here, config, table.shape[1], stream, table.dtype)
        return cls(copies, partners)

    def edited(self, batch: Batch) -> Tensor:
        """Give the items (C * T,) of all copies."""
        return self.copies.items if self.copies else batch.items.new_empty(0)


def basrec_objective(prepared: Prepared, config: AugmentationConfig, contest: Contest) -> Objective:
    """Give the objective of the second stage."""

    def objective(model: Recommender, batch: Batch, stream: torch.Generator) -> Losses:
        drawn = Draws.of(model, prepared, config, batch, stream)
        rivals = contest.rivals(batch, stream)
        originals, positives, others, edited = look_up(
            model, batch.items, batch.targets, rivals.items.flatten(), drawn.edited(batch)
        )
        outputs, copied, padding = encode(model, batch, originals, edited, drawn, config)
        against = vectors_of(model, rivals, others)
        losses = {"main": position_losses(contest, rivals, outputs, positives, against).mean()}
        if drawn.copies:  # (C, P), Eq. 14
            single = position_losses(contest, rivals, copied, positives, against)
            losses["single_sequence"] = (drawn.copies.weight * single).mean(1).sum()
        if drawn.partners:
            up, down = _mixed_scores(
                model, rivals, outputs, positives, against, padding, drawn.partners
            )
            losses["cross_sequence"] = _cross_sequence_loss(
                contest.loss(up, down), drawn.partners, config
            )
        return losses

    return objective


def encode(
    model: Recommender,
    batch: Batch,
    originals: Tensor,
    edited: Tensor,
    drawn: Draws,
    config: AugmentationConfig,
) -> tuple[Tensor, Tensor, Padding]:
    """Encode originals (T, D) and their mixes with the edited copies (C * T, D), Eq. 6-7.

    Gives the outputs of both, (P, D) and (C, P, D), and what partners' padded slots hold. One call
    serves both, except where the originals' padded slots are asked for too.
    """
    mixed, lengths = edited, batch.layout.lengths[:0]
    if drawn.copies:
        edited = edited.view(-1, *originals.shape)
        mixed = torch.lerp(edited, originals, drawn.copies.mix).flatten(0, 1)
        lengths = drawn.copies.lengths
    meets_padding = drawn.partners is not None and batch.aims is None
    if meets_padding and config.partner_padding == "encode" and drawn.partners:
        outputs, padding = _encode_padded(model, batch, originals, drawn.partners)
        copied = model.backbone(mixed, lengths) if len(lengths) else mixed
    else:
        every = torch.cat([batch.layout.lengths, lengths])
        encoded = model.backbone(torch.cat([originals, mixed]), every)
        outputs, copied = encoded[: len(originals)], encoded[len(originals) :]
        is_shared = meets_padding and config.partner_padding == "shared"
        padding = _shared_padding(model, batch, outputs) if is_shared else _no_padding(outputs)
    copied = copied.view(len(lengths) // len(batch.whole), *originals.shape)
    if drawn.partners and padding.index.dim() == 1:
        padding = Padding(padding.rows, padding.index.expand_as(drawn.partners.index), True)
    return batch.read(outputs), batch.read(copied), padding


def _encode_padded(
    model: Recommender, batch: Batch, originals: Tensor, partners: Partners
) -> tuple[Tensor, Padding]:
    """Encode all slots of the originals; a partner's padded slots hold its own outputs there."""
    layout, slots = batch.layout, model.config.max_length
    slot = layout.slot(slots).to(originals.device, non_blocking=True)
    place = partners.own * slots + slot
    padded = originals.new_zeros(len(layout.lengths) * slots, originals.shape[1])
    padded = padded.index_copy(0, place, originals).view(-1, slots, originals.shape[1])
    asked = partners.longest_met(layout) if model.kernels else None
    dense = model.backbone.encode_padded(padded, layout.lengths, asked).flatten(0, 1)
    index = partners.partner[:, partners.own] * slots + slot
    return dense.index_select(0, place), Padding(dense, index, shared=False)


def _shared_padding(model: Recommender, batch: Batch, outputs: Tensor) -> Padding:
    """Let the outputs for a sequence of padding alone stand in padded slots."""
    slots = model.config.max_length
    nothing = outputs.new_zeros(1, slots, outputs.shape[1])
    rows = model.backbone.encode_padded(nothing, torch.zeros(1, dtype=torch.int64))[0]
    return Padding(rows, batch.layout.slot(slots).to(outputs.device, non_blocking=True), True)


def _no_padding(outputs: Tensor) -> Padding:
    """Let zeros stand in padded slots."""
    return Padding(outputs.new_zeros(1, outputs.shape[1]), outputs.new_zeros(1).long(), True)


def _mixed_scores(
    model: Recommender,
    rivals: Rivals,
    outputs: Tensor,
    positives: Tensor,
    against: Tensor,
    padding: Padding,
    partners: Partners,
) -> tuple[Tensor, Tensor]:
    """Score every mixed output with its mixed target (M, P) and its rivals (M, P, N).

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


def _cross_sequence_loss(losses: Tensor, partners: Partners, config: AugmentationConfig) -> Tensor:
    """Sum over the mixes of the mean loss (M, P) of the mixed triples (Eq. 15)."""
    if config.partner_padding == "skip":
        real = partners.mixed(config).to(losses.dtype)
        return ((losses * real).sum(1) / real.sum(1).clamp(min=1.0)).sum()
    return losses.mean(1).sum()
