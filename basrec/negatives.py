"""Sampled negatives: uniform over the items that a user does not have, without rejection.

Sort a user's distinct items h_0 < h_1 < ...; the r-th item (from 0) that is *not* among them is
r + 1 + k, where k counts the j with h_j - j - 1 <= r. One binary search answers all positions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from basrec.errors import InputError
from basrec.prepared import Prepared

USERS = 2**18
"""So many users are sorted at once, which bounds the memory beside the keys themselves."""


@dataclass(frozen=True)
class NegativeSampler:
    """Draws negatives from 1..top outside each user's own items.

    Shapes: keys (M,) sorted, one a user and distinct item: user * (top + 1) + h_j - j - 1;
    first, free (U,): where a user's keys begin, and how many items it may be given; known (U,),
    on the host: how many of its first interactions may not be drawn.
    """

    keys: Tensor
    first: Tensor
    free: Tensor
    top: int
    known: Tensor

    def draw(self, users: Tensor, count: int, stream: torch.Generator) -> Tensor:
        """Draw `count` negatives (N, T) for each entry of `users` (T,)."""
        size = (count, len(users))
        if count == 0:
            return users.new_empty(size)
        uniform = torch.rand(size, generator=stream, device=users.device, dtype=torch.float64)
        free = self.free[users]
        rank = torch.minimum((uniform * free).long(), free - 1)
        found = torch.searchsorted(self.keys, users * (self.top + 1) + rank, right=True)
        return rank + 1 + found - self.first[users]


def build_sampler(
    prepared: Prepared,
    policy: str,
    extra_id: bool,
    device: torch.device,
    draws: bool = True,
) -> NegativeSampler:
    """Sort every user's items once.

    `policy` is `train.negatives`; with `extra_id` also num_items + 1 is drawn (the reference).
    Where nothing is drawn nothing is sorted.
    Errors: InputError where a user has every item, so that no negative is left.
    """
    top = prepared.num_items + int(extra_id)
    lengths = prepared.offsets.diff()
    whole = {"history": lengths, "train": prepared.bounds.train, "any": torch.zeros_like(lengths)}
    known = whole[policy]
    items = prepared.items.cpu()
    if not draws:
        return NegativeSampler(items[:0], items[:0], items[:0], top, known)
    keys, counts = [], []
    for first in range(0, prepared.num_users, USERS):
        last = min(first + USERS, prepared.num_users)
        own = items[prepared.offsets[first] : prepared.offsets[last]]
        part, count = _keys(own, lengths[first:last], known[first:last], top)
        keys.append(part + first * (top + 1))
        counts.append(count)
    count = torch.cat(counts) if counts else lengths
    if bool((count >= top).any()):
        who = int(torch.nonzero(count >= top)[0]) + 1
        raise InputError(
            f"user {who} has all {top} items, so no negative can be drawn; "
            "set train.negatives=any or prepare more items"
        )
    every = torch.cat(keys) if keys else items
    begin, free = count.cumsum(0) - count, top - count
    return NegativeSampler(every.to(device), begin.to(device), free.to(device), top, known)


def _keys(items: Tensor, lengths: Tensor, known: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """Give the keys of some users, numbered from 0, and how many distinct known items each has."""
    user = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    place = torch.arange(len(user)) - (lengths.cumsum(0) - lengths)[user]
    kept = place < known[user]
    pairs = torch.unique(user[kept] * (top + 1) + items[kept])  # sorted
    owner = torch.div(pairs, top + 1, rounding_mode="floor")
    count = torch.bincount(owner, minlength=len(lengths))
    earlier = count.cumsum(0) - count
    return pairs - (torch.arange(len(pairs)) - earlier[owner]) - 1, count
