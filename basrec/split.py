"""What is trained on and what is held out, read off the sequences by the folder's rule.

Under leave-one-out, the default:

| split | input | target |
|---|---|---|
| train | items[:-3] | items[1:-2], one a position |
| validation | items[:-2] | items[-2] |
| test | items[:-1] | items[-1] |

It leaves out by place, not by time: a test target may lie before another user's training items.
`last_n` holds out more items of each user, `global_time` all from a moment on.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from basrec.prepared import Prepared

Split = Literal["train", "validation", "test"]
HELD_OUT: tuple[Split, ...] = ("validation", "test")


@dataclass(frozen=True)
class Examples:
    """Inputs, each a stretch of the flat items; its target is the item just after.

    Shapes: user, start, length are (E,), on the host; users with an empty input have no example.
    """

    user: Tensor
    start: Tensor
    length: Tensor

    def __len__(self) -> int:
        """Give the number of examples."""
        return len(self.user)

    def take(self, rows: Tensor | slice) -> "Examples":
        """Give the examples of these rows."""
        return Examples(self.user[rows], self.start[rows], self.length[rows])

    def cut(self, max_length: int) -> "Examples":
        """Keep the last `max_length` items of each input."""
        kept = self.length.clamp(max=max_length)
        return Examples(self.user, self.start + self.length - kept, kept)


def prefixes_of(examples: Examples) -> Examples:
    """Give every prefix of every example, each with the item after it as its one target.

    That is how an encoder is trained whose output at a position depends on later ones.
    """
    rows = torch.repeat_interleave(torch.arange(len(examples)), examples.length)
    ends = examples.length.cumsum(0)
    length = torch.arange(len(rows)) - (ends - examples.length)[rows] + 1
    return Examples(examples.user[rows], examples.start[rows], length)


def examples_of(prepared: Prepared, split: Split) -> Examples:
    """Give the examples of a split, in the order of the users and of their targets.

    Training has one input a user, whose every position aims at the next item; each held-out item is
    a target of its own, predicted from all items of its user before it.
    """
    bounds = prepared.bounds
    if split == "train":
        length = bounds.train - 1
        user = torch.nonzero(length > 0).squeeze(1)
        return Examples(user, prepared.offsets[user], length[user])
    ends = {"validation": bounds.test, "test": prepared.offsets.diff()}[split]
    first = {"validation": bounds.train, "test": bounds.test}[split].clamp(min=1)
    counts = (ends - first).clamp(min=0)
    user = torch.repeat_interleave(torch.arange(prepared.num_users), counts)
    earlier = counts.cumsum(0) - counts  # examples of the users before
    place = first[user] + torch.arange(len(user)) - earlier[user]
    return Examples(user, prepared.offsets[user], place)
