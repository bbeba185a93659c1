"""CL4SRec: contrast two edited views of each sequence (Xie et al., ICDE 2022).

The main loss and, weighted, NT-Xent over all views of a batch; similarity is the inner product.
Left out: the paper's own main loss and encoder, for which the config's stand in. Where training
goes by prefixes (a backbone that looks ahead), two prefixes of a user are each other's negatives.
Shapes: B sequences of T packed positions, D embedding size.
"""

import torch
from torch import Tensor
from torch.nn import functional

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
from basrec.prepared import Prepared
from basrec.rivals import Contest


class CL4SRec(Augmenter):
    """Two views of each input by crop, mask or reorder, drawn for each alone."""

    operators = ("crop", "mask", "reorder")

    def objective(self, prepared: Prepared, contest: Contest) -> Objective:
        """Give the main loss and the contrastive one."""
        contrast = self.options.contrast

        def objective(model: Recommender, batch: Batch, stream: torch.Generator) -> Losses:
            views = self.draw(prepared, batch, stream)
            rivals = contest.rivals(batch, stream)
            originals, edited, positives, others = look_up(
                model, batch.items, views.items, batch.targets, rivals.items.flatten()
            )
            outputs, viewed = encode_beside(model, originals, edited, batch.layout, views.layout)
            against = vectors_of(model, rivals, others)
            main = position_losses(contest, rivals, batch.read(outputs), positives, against)
            loss = nt_xent(last_of(viewed, views.layout), contrast.temperature)
            return {"main": main.mean(), "contrast": contrast.weight * loss}

        return objective

    def draw(self, prepared: Prepared, batch: Batch, stream: torch.Generator) -> Packs:
        """Draw two views of each input: all the first ones, then all the second ones."""
        options, slots = self.options, self.config.model.max_length
        sources = read_sources(prepared, batch, options.edit, slots, ahead=0).repeat(2)
        catalogue = catalogue_of(prepared, options)
        return draw_views(sources, self.operators, options.views, catalogue, slots, stream)

    def pairs(
        self, model: Recommender, prepared: Prepared, batch: Batch, stream: torch.Generator
    ) -> Pairs:
        """Compare the last outputs of sequences with those of both their views."""
        views = self.draw(prepared, batch, stream)
        originals, edited = look_up(model, batch.items, views.items)
        outputs, viewed = encode_beside(model, originals, edited, batch.layout, views.layout)
        own = last_of(outputs, batch.layout)
        return {"views": (own.repeat(2, 1), last_of(viewed, views.layout))}

    def samples(
        self, prepared: Prepared, batch: Batch, stream: torch.Generator
    ) -> dict[str, Samples]:
        """Give both views of each sequence."""
        views = self.draw(prepared, batch, stream)
        return {"views": Samples(views.items, views.layout)}


def nt_xent(views: Tensor, temperature: float) -> Tensor:
    """Give the mean over views (2 B, D) of the cross-entropy of each one's twin among all others.

    View b's twin is view b + B. With one sequence the twin is the only other view: the loss is 0.
    """
    scores = views @ views.T / temperature  # (2 B, 2 B)
    itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
    twin = torch.arange(len(views), device=views.device).roll(len(views) // 2)
    return functional.cross_entropy(scores.masked_fill(itself, -torch.inf), twin)
