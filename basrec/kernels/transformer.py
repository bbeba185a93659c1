"""The fused stack of post-norm transformer blocks.

Shapes: T packed positions, B sequences, D embedding size.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from basrec.kernels.calls import address, addresses, threads, whole
from basrec.kernels.workspace import Workspace


@dataclass(frozen=True)
class Stack:
    """Sizes, weights and dropout of a stack.

    `weights`: positions, first norm (weight, bias); then of each layer queries, keys and values,
    attention's output, its norm, expansion, contraction and their norm, each weight before bias.
    """

    layers: int
    heads: int
    inner: int
    slots: int
    dropout: float
    attention_dropout: float
    weights: tuple[Tensor, ...]


class TransformerStack(torch.autograd.Function):
    """Forward and backward pass in the library."""

    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        workspace: Workspace,
        stack: Stack,
        lengths: Tensor,
        padded: Tensor,
        skipped: Tensor,
        vectors: Tensor,
        *weights: Tensor,
    ) -> Tensor:
        """Encode `vectors` (T, D)."""
        vectors = vectors.contiguous()
        rows, size = vectors.shape
        if int(lengths.max()) > stack.slots or int(lengths.sum()) != rows:
            raise ValueError(f"{rows} rows do not fit the lengths, or one exceeds {stack.slots}")
        sizes = (size, stack.inner, stack.heads, stack.layers)
        if bool(((padded < 0) | (padded > lengths) | (skipped < 0) | (skipped >= lengths)).any()):
            raise ValueError("padded and skipped rows do not fit the lengths")
        whole_weights = [weight.detach().contiguous() for weight in weights]
        places = addresses(whole_weights)
        dropped = stack.dropout or stack.attention_dropout
        # The seed comes from PyTorch's global stream, which each epoch starts anew.
        seed = int(torch.empty((), dtype=torch.int64).random_()) if dropped else 0
        ctx.call = (
            *whole(rows, len(lengths), *sizes, stack.slots),
            *(places, address(lengths), address(padded), address(skipped)),
            *(ctypes.c_float(stack.dropout), ctypes.c_float(stack.attention_dropout)),
            ctypes.c_uint64(seed),
        )
        out = torch.empty_like(vectors)
        kept = None
        if any(ctx.needs_input_grad):
            ctx.lease = workspace.lease(rows * library.transformer_kept(*whole(*sizes)))
            kept = address(ctx.lease.buffer)
            ctx.save_for_backward(lengths, padded, skipped, *weights)
        library.transformer_forward(*ctx.call, address(vectors), address(out), kept, threads())
        ctx.library, ctx.shape, ctx.held = library, vectors.shape, whole_weights
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *above: Tensor) -> Any:
        """Give the slopes of the vectors and of all weights."""
        _, _, _, *weights = ctx.saved_tensors
        counts = [weight.numel() for weight in weights]
        number = sum(counts)
        offsets = torch.tensor([0, *counts[:-1]]).cumsum(0)
        to_vectors = above[0].new_empty(ctx.shape)
        slopes = above[0].new_zeros(torch.get_num_threads(), number)
        ctx.library.transformer_backward(
            *ctx.call,
            *map(address, (above[0].contiguous(), ctx.lease.buffer, to_vectors, slopes, offsets)),
            *whole(number),
            threads(),
        )
        parts = torch.split(slopes.sum(0), counts)
        return (
            *(None, None, None, None, None, None, to_vectors),
            *(part.view_as(weight) for part, weight in zip(parts, weights, strict=True)),
        )
