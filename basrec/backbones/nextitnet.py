"""NextItNet: dilated causal convolutions over the items (Yuan et al., WSDM 2019).

Residual blocks of the paper's kind (b): two convolutions, the second of twice the first's dilation,
each followed by layer norm and ReLU. Their dilations, 1, 4, 1, 4, are those of the authors' code.
Two departures: dropout on the item vectors, as the other backbones here have it, and a linear
layer at the end in place of the paper's own softmax matrix, for the item table gives the scores
and what a ReLU leaves is never negative.
Shapes: B sequences, T packed positions, L = max_length slots, D embedding size, k kernel size.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from basrec.backbones.lengths import check_packed, check_padded, real_slots
from basrec.config import ModelConfig
from basrec.kernels import Kernels
from basrec.packed import Packed

NORM_EPSILON = 1e-8
"""Of the authors' code."""


def look_back(vectors: Tensor, position: Tensor, taps: int, dilation: int) -> Tensor:
    """Put rows (R, D) side by side with those of their own sequence before them: (R, taps * D).

    Tap j holds the row j * dilation places back, and zeros where that lies before the sequence's
    first item; `position` (R,) counts from 0 there and is negative at padded slots.
    """
    seen: Tensor = _LookBack.apply(  # type: ignore[no-untyped-call]
        vectors, position, taps, dilation
    )
    return seen


class _LookBack(torch.autograd.Function):
    """Shifts and a factor in place of a look-up, whose gradient would add row by row.

    Taps are written and their slopes added up in place, without PyTorch's copies for each shift,
    mask and join. There is no second derivative; what is not finite reaches the next sequence too.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, position: Tensor, taps: int, dilation: int) -> Tensor:
        """Give the taps side by side."""
        rows, size = vectors.shape
        ctx.shifts = [tap * dilation for tap in range(taps)]
        own = [(position >= back).to(vectors.dtype).unsqueeze(1) for back in ctx.shifts]
        reach = ctx.shifts[-1]
        longer = functional.pad(vectors, (0, 0, reach, 0))
        seen = vectors.new_empty(rows, taps, size)
        for tap, back in enumerate(ctx.shifts):
            seen[:, tap].copy_(longer.narrow(0, reach - back, rows)).mul_(own[tap])
        ctx.save_for_backward(*own)
        return seen.flatten(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Any:
        """Give the slopes of the rows."""
        own = ctx.saved_tensors
        slopes = slope.view(len(slope), len(own), slope.shape[1] // len(own))
        total = slopes[:, 0] * own[0]
        for tap, back in enumerate(ctx.shifts[1:], 1):
            ahead = slopes[back:, tap]
            total[: len(ahead)].addcmul_(ahead, own[tap][back:])
        return total, None, None, None


class Convolution(nn.Module):
    """A causal dilated convolution, layer norm and ReLU."""

    def __init__(self, size: int, taps: int, dilation: int) -> None:
        super().__init__()
        self.taps, self.dilation = taps, dilation
        self.mix = nn.Linear(taps * size, size)
        self.norm = nn.LayerNorm(size, eps=NORM_EPSILON)

    def forward(self, vectors: Tensor, position: Tensor) -> Tensor:
        """Transform rows (R, D) at `position` (R,) of their sequences."""
        seen = look_back(vectors, position, self.taps, self.dilation)
        return functional.relu(self.norm(self.mix(seen)))


class Block(nn.Module):
    """Two convolutions, and a residual around both."""

    def __init__(self, size: int, taps: int, dilation: int) -> None:
        super().__init__()
        self.first = Convolution(size, taps, dilation)
        self.second = Convolution(size, taps, 2 * dilation)

    def forward(self, vectors: Tensor, position: Tensor) -> Tensor:
        """Transform rows (R, D) at `position` (R,) of their sequences."""
        transformed: Tensor = self.second(self.first(vectors, position), position)
        return transformed + vectors


class NextItNet(nn.Module):
    """The encoder: dropout, the blocks, a linear layer.

    What lies before a sequence's first item is zero in every layer. Outputs at padded slots are
    those for an all-zero past and the same at each of them, whatever vectors stand there.
    """

    causal = True
    sees_padding = False

    def __init__(self, config: ModelConfig, kernels: Kernels | None = None) -> None:
        super().__init__()
        self.config = config
        size, options = config.embedding_size, config.nextitnet
        self.blocks = nn.ModuleList(
            Block(size, options.kernel_size, dilation) for dilation in options.dilations
        )
        self.out = nn.Linear(size, size)

    def forward(self, item_vectors: Tensor, lengths: Tensor) -> Tensor:
        """Encode packed vectors (T, D) of sequences of `lengths` (B,), on the host."""
        check_packed(item_vectors, lengths, self.config.max_length)
        position = Packed.of(lengths).position.to(item_vectors.device, non_blocking=True)
        return self._encode(item_vectors, position)

    def encode_padded(
        self, item_vectors: Tensor, lengths: Tensor, asked: Tensor | None = None
    ) -> Tensor:
        """Encode left-padded vectors (B, L, D) at every slot, padded ones as zeros."""
        check_padded(item_vectors, self.config.max_length)
        _, slots, size = item_vectors.shape
        lengths = lengths.to(item_vectors.device)
        real = real_slots(lengths, slots).unsqueeze(-1)
        first = slots - lengths.unsqueeze(1)
        position = torch.arange(slots, device=lengths.device) - first  # (B, L)
        rows = item_vectors.masked_fill(~real, 0.0).reshape(-1, size)
        return self._encode(rows, position.flatten()).view_as(item_vectors)

    def _encode(self, vectors: Tensor, position: Tensor) -> Tensor:
        hidden = functional.dropout(vectors, self.config.dropout, self.training)
        for block in self.blocks:
            hidden = block(hidden, position)
        outputs: Tensor = self.out(hidden).to(vectors.dtype)  # also where products have less
        return outputs
