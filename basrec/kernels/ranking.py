"""The fused scoring of a catalogue.

Shapes: R rows (outputs), V candidates, D embedding size, P pairs, K best.
"""

import ctypes

import torch
from torch import Tensor

from basrec.kernels.calls import address, threads, whole


class CompiledCandidates:
    """A catalogue (V, D) laid out in panels."""

    def __init__(self, library: ctypes.CDLL, table: Tensor) -> None:
        self.library, (self.count, self.size) = library, table.shape
        width = int(library.ranking_panel())
        self.panels = table.new_empty(-(-self.count // width) * width * self.size)
        table = table.contiguous()
        library.ranking_panels(
            address(table), *whole(self.count, self.size), address(self.panels), threads()
        )

    def score(self, vectors: Tensor) -> "CompiledScores":
        """Score rows (R, D)."""
        return CompiledScores(self, vectors.contiguous())


class CompiledScores:
    """Scores that never leave the processor's registers."""

    def __init__(self, candidates: CompiledCandidates, vectors: Tensor) -> None:
        self.candidates, self.vectors = candidates, vectors
        self._places = (address(vectors), address(candidates.panels))

    def pairs(self, row: Tensor, column: Tensor) -> Tensor:
        """Give the scores (P,) of rows (P,) with candidates (P,)."""
        row, column = row.contiguous(), column.contiguous()
        _check(row, len(self.vectors))
        _check(column, self.candidates.count)
        found = self.vectors.new_empty(len(row))
        self.candidates.library.ranking_pairs(
            *(*self._places, *whole(self.candidates.size), address(row), address(column)),
            *(*whole(len(row)), address(found), threads()),
        )
        return found

    def count(self, limit: Tensor) -> tuple[Tensor, Tensor]:
        """Count the candidates above each row's limit (R,) and those equal to it."""
        limit, rows = limit.contiguous(), len(self.vectors)
        above, equal = (torch.empty(rows, dtype=torch.int64) for _ in range(2))
        self.candidates.library.ranking_count(
            *(*self._places, *whole(rows, self.candidates.count, self.candidates.size)),
            *(*map(address, (limit, above, equal)), threads()),
        )
        return above, equal

    def top(self, most: int, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Give scores and columns (R, K) of each row's best candidates but the pairs given."""
        column, rows = column.contiguous(), len(self.vectors)
        _check(row, rows)
        offsets = torch.zeros(rows + 1, dtype=torch.int64)
        offsets[1:] = torch.bincount(row, minlength=rows).cumsum(0)
        scores = self.vectors.new_empty(rows, most)
        found = torch.empty(rows, most, dtype=torch.int64)
        self.candidates.library.ranking_top(
            *(*self._places, *whole(rows, self.candidates.count, self.candidates.size, most)),
            *(*map(address, (offsets, column, scores, found)), threads()),
        )
        return scores, found


def _check(index: Tensor, count: int) -> None:
    """Refuse what would be read beyond its array."""
    if len(index) and (int(index.min()) < 0 or int(index.max()) >= count):
        raise IndexError(f"an index is not in 0..{count - 1}")
