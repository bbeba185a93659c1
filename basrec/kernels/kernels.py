"""What is compiled, as methods that differentiate.

Shapes: T packed positions, B sequences, D embedding size, M mixes.
"""

import ctypes
from dataclasses import dataclass, field

import torch
from torch import Tensor

from basrec.kernels.mixing import MixedScores
from basrec.kernels.ranking import CompiledCandidates
from basrec.kernels.transformer import Stack, TransformerStack
from basrec.kernels.workspace import Workspace
from basrec.partners import Padding, Partners


@dataclass(frozen=True)
class Kernels:
    """The loaded library; it takes float32 on the CPU, see `basrec.kernels.fitting`."""

    library: ctypes.CDLL
    workspace: Workspace = field(default_factory=Workspace)

    def transformer(
        self,
        stack: Stack,
        vectors: Tensor,
        lengths: Tensor,
        padded: Tensor | None = None,
        skipped: Tensor | None = None,
    ) -> Tensor:
        """Encode rows (T, D) of sequences of `lengths` (B,).

        The first `padded` (B,) rows of a sequence see all its rows, the others those from the first
        that is not padded up to themselves. Of the first `skipped` (B,) no output is asked for: it
        is 0.
        """
        nothing = torch.zeros_like(lengths)
        padded = nothing if padded is None else padded
        skipped = nothing if skipped is None else skipped
        out: Tensor = TransformerStack.apply(  # type: ignore[no-untyped-call]
            self.library, self.workspace, stack, lengths, padded, skipped, vectors, *stack.weights
        )
        return out

    def candidates(self, table: Tensor) -> CompiledCandidates:
        """Lay out a catalogue (V, D) to be scored."""
        return CompiledCandidates(self.library, table)

    def mixed_scores(
        self,
        outputs: Tensor,
        positives: Tensor,
        negatives: Tensor,
        padding: Padding,
        partners: Partners,
    ) -> tuple[Tensor, Tensor]:
        """Score every mixed output with its mixed target and negative, giving (M, T) twice."""
        up, down = MixedScores.apply(  # type: ignore[no-untyped-call]
            self.library, padding, partners, outputs, positives, negatives, padding.rows
        )
        return up, down
