"""The leave-one-out rule, read off the sequences.

| split | input | target |
|---|---|---|
| train | items[:-3] | items[1:-2], one a position |
| validation | items[:-2] | items[-2] |
| test | items[:-1] | items[-1] |

It leaves out by place, not by time: a test target may lie before another user's training items.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from basrec.prepared import Prepared

Split = Literal["train", "validation", "test"]
LEFT_OUT: dict[Split, int] = {"train": 3, "validation": 2, "test": 1}


@dataclass(frozen=True)
class Examples:
    """One input a user, as a stretch of the flat items; its target is the item just after.

    Shapes: user, start, length are (E,), on the host; users with an empty input have no example.
    """

    user: Tensor
    start: Tensor
    length: Tensor

    def __len__(self) -> int:
        """Give the number of examples."""
        return len(self.user)

    def take(self, rows: Tensor) -> "Examples":
        """Give the examples of these rows."""
        return Examples(self.user[rows], self.start[rows], self.length[rows])

    def cut(self, max_length: int) -> "Examples":
        """Keep the last `max_length` items of each input."""
        kept = self.length.clamp(max=max_length)
        return Examples(self.user, self.start + self.length - kept, kept)


def leave_one_out(prepared: Prepared, split: Split) -> Examples:
    """Give the examples of a split, in the order of the users."""
    length = prepared.offsets.diff() - LEFT_OUT[split]
    user = torch.nonzero(length > 0).squeeze(1)
    return Examples(user, prepared.offsets[user], length[user])
