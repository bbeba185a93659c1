"""Scores of outputs with a whole catalogue, block by block: looked up, counted or sorted.

No table of all scores is ever made: at most SCORES of them exist at once. Within one catalogue
equal vectors have equal scores.
Shapes: R rows (outputs), V candidates, D embedding size, P pairs, K best.
"""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

SCORES = 2**22
"""So many scores are held at once; 16 MiB each for them and for what they are compared to."""


class Scores(Protocol):
    """The scores of some rows, without being stored."""

    def pairs(self, row: Tensor, column: Tensor) -> Tensor:
        """Give the scores (P,) of rows (P,) with candidates (P,)."""
        ...

    def count(self, limit: Tensor) -> tuple[Tensor, Tensor]:
        """Count the candidates above each row's limit (R,) and those equal to it."""
        ...

    def top(self, most: int, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Give scores and columns (R, K) of each row's best candidates, best first.

        The pairs (P,) given, sorted by row and column, are left out. Of equal scores the lower
        column comes first; -inf and -1 fill up where too few are left.
        """
        ...


class Candidates(Protocol):
    """A catalogue that is ready to be scored, some rows after the other: it keeps its memory."""

    def score(self, vectors: Tensor) -> Scores:
        """Score rows (R, D)."""
        ...


class PlainCandidates:
    """A catalogue (V, D) scored by matrix products of blocks."""

    def __init__(self, table: Tensor) -> None:
        self.table = table
        self.buffers = table.new_empty(2, 0)

    def score(self, vectors: Tensor) -> "PlainScores":
        """Score rows (R, D)."""
        width = min(max(1, SCORES // max(len(vectors), 1)), len(self.table))
        if self.buffers.shape[1] < len(vectors) * width:  # fresh memory for each block is slow
            self.buffers = self.table.new_empty(2, len(vectors) * width)
        return PlainScores(vectors, self.table, width, self.buffers)


class PlainScores:
    """Scores by PyTorch's operations, on any device."""

    def __init__(self, vectors: Tensor, table: Tensor, width: int, buffers: Tensor) -> None:
        self.vectors, self.table, self.width, self.buffers = vectors, table, width, buffers
        # The product of a single row is another routine, whose equal vectors may differ.
        self.factors = vectors.repeat(2, 1) if len(vectors) == 1 else vectors
        self._only: Tensor | None = None

    def _blocks(self) -> Iterator[tuple[int, Tensor]]:
        """Give (first column, scores (R, columns)); a single block is made once."""
        if self._only is not None:
            yield 0, self._only
            return
        for first in range(0, len(self.table), self.width):
            part = self.table[first : first + self.width]
            out = self._buffer(0, len(part))
            if len(self.factors) > len(self.vectors):
                out.copy_(torch.mm(self.factors, part.T)[:1])
            else:
                torch.mm(self.vectors, part.T, out=out)
            if len(part) == len(self.table):
                self._only = out
            yield first, out

    def _buffer(self, number: int, columns: int) -> Tensor:
        rows = len(self.vectors)
        return self.buffers[number, : rows * columns].view(rows, columns)

    def pairs(self, row: Tensor, column: Tensor) -> Tensor:
        """Look the pairs up in the very blocks that are counted."""
        found = self.vectors.new_empty(len(row))
        for first, scores in self._blocks():
            here = (column >= first) & (column < first + scores.shape[1])
            found[here] = scores[row[here], column[here] - first]
        return found

    def count(self, limit: Tensor) -> tuple[Tensor, Tensor]:
        """Count by comparison; flags as numbers sum several times faster than booleans."""
        aim = limit.unsqueeze(1)
        above = torch.zeros(len(limit), dtype=torch.int64, device=limit.device)
        equal = torch.zeros_like(above)
        for _, scores in self._blocks():
            flags = self._buffer(1, scores.shape[1])
            above += torch.gt(scores, aim, out=flags).sum(1).long()  # exact below 2^24
            equal += torch.eq(scores, aim, out=flags).sum(1).long()
        return above, equal

    def top(self, most: int, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the best of the best so far and of each block."""
        rows = len(self.vectors)
        best = self.vectors.new_full((rows, 0), -torch.inf)
        place = torch.zeros(rows, 0, dtype=torch.int64, device=best.device)
        for first, scores in self._blocks():
            here = (column >= first) & (column < first + scores.shape[1])
            scores[row[here], column[here] - first] = -torch.inf
            self._only = None  # it has been written to
            chosen = _best_columns(scores, min(most, scores.shape[1]))
            best = torch.cat([best, scores.gather(1, chosen)], 1)
            place = torch.cat([place, chosen + first], 1)
            best, order = best.sort(dim=1, descending=True, stable=True)
            best, place = best[:, :most], place.gather(1, order[:, :most])
        place = place.where(best > -torch.inf, -1)
        missing = (0, most - best.shape[1])
        pad = torch.nn.functional.pad
        return pad(best, missing, value=-torch.inf), pad(place, missing, value=-1)


def _best_columns(scores: Tensor, most: int) -> Tensor:
    """Give the columns (R, most) of each row's best scores, ascending; the lower of equal ones."""
    least = scores.topk(most, dim=1, sorted=False).values.amin(1, keepdim=True)
    above, level = scores > least, scores == least
    left = most - above.sum(1, keepdim=True)
    chosen = above | (level & (level.cumsum(1, dtype=torch.int32) <= left))
    return chosen.nonzero()[:, 1].view(len(scores), most)
