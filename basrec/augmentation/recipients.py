"""Who is given generated items, and from what: their training parts, never what is held out.

Shapes: U users, R recipients, M items for each.
"""

import torch
from torch import Tensor

from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.prior import Prior
from basrec.split import Examples


def training_parts(prepared: Prepared, least: int = 1) -> Examples:
    """Give the training part of every user that has at least so many items there."""
    length = prepared.bounds.train
    user = torch.nonzero(length >= least).squeeze(1)
    return Examples(user, prepared.offsets[user], length[user])


def recipients_of(prepared: Prepared, limit: int | None) -> Examples:
    """Give the training parts (R,) of the users that items are generated for.

    Those with fewer than `limit` items there, or all.
    """
    parts = training_parts(prepared)
    if limit is None:
        return parts
    return parts.take(torch.nonzero(parts.length < limit).squeeze(1))


def items_of(prepared: Prepared, parts: Examples) -> tuple[Tensor, Packed]:
    """Give the items (T,) of stretches one after the other, and their layout."""
    layout = Packed.of(parts.length)
    return prepared.items[layout.flat(parts.start).to(prepared.items.device)], layout


def prior_of(prepared: Prepared, recipients: Examples, items: Tensor) -> Prior:
    """Lay out items (R, M), each row oldest first; all other users get none."""
    counts = torch.zeros(prepared.num_users, dtype=torch.int64)
    counts[recipients.user] = items.shape[1]
    return Prior.of(items.flatten(), counts)
