"""Sequences without padding: all positions of a batch in one row, and where each belongs.

Shapes: B sequences, T positions in all.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packed:
    """The layout of B sequences packed one after the other.

    Shapes: lengths, offsets (B,); sequence, position (T,): which sequence a packed position is
    of, and which place in it, from 0. Planned on the host, so that no step waits for a GPU.
    """

    lengths: Tensor
    offsets: Tensor
    sequence: Tensor
    position: Tensor

    @classmethod
    def of(cls, lengths: Tensor) -> "Packed":
        """Lay out sequences of these lengths, each at least 1."""
        offsets = lengths.cumsum(0) - lengths
        sequence = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        position = torch.arange(len(sequence)) - offsets[sequence]
        return cls(lengths, offsets, sequence, position)

    def __len__(self) -> int:
        """Give the number of packed positions."""
        return len(self.sequence)

    @property
    def last(self) -> Tensor:
        """Give the packed index (B,) of each sequence's last position."""
        return self.offsets + self.lengths - 1

    def flat(self, start: Tensor) -> Tensor:
        """Give the index (T,) into flat items for sequences that begin at `start` (B,)."""
        return start[self.sequence] + self.position

    def slot(self, max_length: int) -> Tensor:
        """Give the left-padded slot (T,): the last position always sits at max_length - 1."""
        return max_length - self.lengths[self.sequence] + self.position

    def part(self, first: int, last: int) -> tuple["Packed", slice]:
        """Give the layout of sequences [first, last) alone, and where their positions lie."""
        lengths = self.lengths[first:last]
        begin = int(self.offsets[first])
        here = slice(begin, int(self.offsets[first + len(lengths) - 1] + lengths[-1]))
        sequence = self.sequence[here] - first
        return Packed(
            lengths, self.offsets[first:last] - begin, sequence, self.position[here]
        ), here

    def to(self, device: torch.device) -> "Packed":
        """Copy the layout to where the positions are worked on."""
        if device.type == "cpu":
            return self
        parts = (self.lengths, self.offsets, self.sequence, self.position)
        return Packed(*(part.to(device, non_blocking=True) for part in parts))

    def repeat(self, times: int) -> "Packed":
        """Lay out the same sequences several times, one whole copy after the other."""
        return Packed.of(self.lengths.repeat(times))
