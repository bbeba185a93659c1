"""CMR and CMRSI: edited views are trained on as further sequences ("heuristic" augmentation).

CMR crops, masks or reorders (the operators of CL4SRec); CMRSI may also substitute or insert (those
of CoSeRec). The loss is that of plain training on the sequence, and the same on its view.
Shapes: B sequences of T packed positions, P of which aim at a target, D embedding size.
"""

import torch
from torch import Tensor

from basrec.augmentation.augmenter import Augmenter, Pairs, Samples
from basrec.augmentation.views import (
    Packs,
    catalogue_of,
    draw_views,
    encode_beside,
    last_of,
    read_sources,
)
from basrec.batches import Batch
from basrec.model import Recommender
from basrec.objectives import Losses, Objective, look_up, position_losses, vectors_of
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.rivals import Contest, Rivals


class CMR(Augmenter):
    """One view of each sequence by crop, mask or reorder."""

    operators: tuple[str, ...] = ("crop", "mask", "reorder")

    def objective(self, prepared: Prepared, contest: Contest) -> Objective:
        """Give the main loss on the sequences, and the mean of the same over the views' targets."""

        def objective(model: Recommender, batch: Batch, stream: torch.Generator) -> Losses:
            drawn = self.draw(prepared, batch, stream)
            views = view_batch(drawn, batch, contest, prepared.num_items + 1, stream)
            own, other = contest.rivals(batch, stream), contest.rivals(views, stream)
            originals, edited, *vectors = look_up(
                model,
                *(batch.items, views.items),
                *(batch.targets, own.items.flatten()),
                *(views.targets, other.items.flatten()),
            )
            outputs, viewed = encode_beside(model, originals, edited, batch.layout, views.layout)
            return {
                "main": _mean_loss(model, contest, own, batch.read(outputs), *vectors[:2]),
                "views": _mean_loss(model, contest, other, views.read(viewed), *vectors[2:]),
            }

        return objective

    def draw(self, prepared: Prepared, batch: Batch, stream: torch.Generator) -> Packs:
        """Draw a view of each sequence and its target, of two items at least."""
        options, slots = self.options, self.config.model.max_length
        sources = read_sources(prepared, batch, options.edit, slots, ahead=1)
        catalogue = catalogue_of(prepared, options)
        return draw_views(
            sources, self.operators, options.views, catalogue, slots + 1, stream, at_least=2
        )

    def pairs(
        self, model: Recommender, prepared: Prepared, batch: Batch, stream: torch.Generator
    ) -> Pairs:
        """Compare the last outputs of sequences and of their views."""
        items, layout, _ = inputs_of(self.draw(prepared, batch, stream))
        originals, edited = look_up(model, batch.items, items)
        outputs, viewed = encode_beside(model, originals, edited, batch.layout, layout)
        return {"views": (last_of(outputs, batch.layout), last_of(viewed, layout))}

    def samples(
        self, prepared: Prepared, batch: Batch, stream: torch.Generator
    ) -> dict[str, Samples]:
        """Give the inputs of a view of each sequence."""
        items, layout, _ = inputs_of(self.draw(prepared, batch, stream))
        return {"views": Samples(items, layout)}


class CMRSI(CMR):
    """One view of each sequence by any of five operators."""

    operators = ("crop", "mask", "reorder", "substitute", "insert")


def inputs_of(views: Packs) -> tuple[Tensor, Packed, Tensor]:
    """Split views into inputs (T',), all but their last items, their layout, and targets (T',)."""
    layout = Packed.of(views.layout.lengths - 1)
    place = layout.flat(views.layout.offsets).to(views.items.device, non_blocking=True)
    return views.items[place], layout, views.items[place + 1]


def view_batch(
    views: Packs, batch: Batch, contest: Contest, mask: int, stream: torch.Generator
) -> Batch:
    """Make a batch of views, whose targets are the items that follow within each.

    A position whose target is the mask token does not aim; where the batch's sequences aim with
    their last position alone, so do the views.
    """
    items, layout, targets = inputs_of(views)
    counts = (targets != mask).cpu()
    if batch.aims is not None:
        counts &= layout.position == layout.lengths[layout.sequence] - 1
    aims = torch.nonzero(counts).squeeze(1)
    sequence = layout.sequence[aims]
    aimed = Packed.of(sequence.bincount(minlength=len(layout.lengths)))
    users, places = (
        part.to(items.device, non_blocking=True) for part in (batch.whole.user[sequence], aims)
    )
    negatives = contest.sampler.draw(users, contest.config.drawn_negatives, stream)
    return Batch(items, targets[places], negatives, layout, aimed, places, batch.whole)


def _mean_loss(
    model: Recommender,
    contest: Contest,
    rivals: Rivals,
    outputs: Tensor,
    positives: Tensor,
    others: Tensor,
) -> Tensor:
    """Give the mean loss of outputs (P, D); 0 where nothing aims."""
    if len(outputs) == 0:
        return outputs.sum()
    against = vectors_of(model, rivals, others)
    return position_losses(contest, rivals, outputs, positives, against).mean()
