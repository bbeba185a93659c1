"""What a stage minimises: a batch in, named losses out. Here the main loss, and what all share.

Shapes: B sequences of T packed positions, P of which aim at a target, N rivals, D embedding size.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from basrec.batches import Batch
from basrec.model import Recommender
from basrec.rivals import Contest, Rivals

Losses = dict[str, Tensor]
Objective = Callable[[Recommender, Batch, torch.Generator], Losses]


def main_objective(contest: Contest) -> Objective:
    """Give the objective of plain training: predict the next item (Eq. 13)."""

    def objective(model: Recommender, batch: Batch, stream: torch.Generator) -> Losses:
        rivals = contest.rivals(batch, stream)
        originals, positives, others = look_up(
            model, batch.items, batch.targets, rivals.items.flatten()
        )
        outputs = batch.read(model.backbone(originals, batch.layout.lengths))
        against = vectors_of(model, rivals, others)
        return {"main": position_losses(contest, rivals, outputs, positives, against).mean()}

    return objective


def look_up(model: Recommender, *items: Tensor) -> Sequence[Tensor]:
    """Look up several lists of items at once."""
    parts: Sequence[Tensor] = torch.split(
        model.items(torch.cat(items)), [len(part) for part in items]
    )
    return parts


def vectors_of(model: Recommender, rivals: Rivals, others: Tensor) -> Tensor:
    """Give the rivals' vectors as `Rivals.score` takes them; all items are the catalogue."""
    if len(rivals.items) == 0:
        return model.drawable()
    return others.view(*rivals.items.shape, -1)


def position_losses(
    contest: Contest, rivals: Rivals, outputs: Tensor, positives: Tensor, against: Tensor
) -> Tensor:
    """Give the loss (..., P) of each position of outputs (..., P, D)."""
    return contest.loss((outputs * positives).sum(-1), rivals.score(outputs, against))
