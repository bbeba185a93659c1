"""SASRec: self-attentive sequential recommendation (Kang and McAuley, ICDM 2018).

Post-layer-norm blocks with GELU, as in the reference. Positions are counted from the end: the last
item of a sequence always has position max_length - 1, as if the input were padded on the left.
Shapes: B sequences, T packed positions, L = max_length, D embedding size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from basrec.backbones.attention import (
    Attend,
    packed_attention,
    padded_attention,
)
from basrec.backbones.feed_forward import NORM_EPSILON, FeedForward
from basrec.backbones.groups import group_by_length
from basrec.backbones.lengths import check_packed, check_padded
from basrec.config import ModelConfig
from basrec.kernels import Kernels, fitting
from basrec.kernels.transformer import Stack
from basrec.packed import Packed


class Block(nn.Module):
    """Self-attention and a feed-forward part, each with dropout, residual and layer norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.embedding_size
        self.dropout = config.dropout
        self.qkv = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, size)
        self.attention_norm = nn.LayerNorm(size, eps=NORM_EPSILON)
        self.feed_forward = FeedForward(size, config.sasrec.inner_size, config.dropout)

    def forward(self, vectors: Tensor, attend: Attend) -> Tensor:
        """Transform rows (rows, D); `attend` alone knows which rows see which."""
        context = self.out(attend(self.qkv(vectors)))
        dropped = functional.dropout(context, self.dropout, self.training)
        transformed: Tensor = self.feed_forward(self.attention_norm(dropped + vectors))
        return transformed


class SASRec(nn.Module):
    """The encoder: positions, layer norm, dropout, then the blocks."""

    causal = True
    sees_padding = False

    def __init__(self, config: ModelConfig, kernels: Kernels | None = None) -> None:
        super().__init__()
        self.config, self.kernels = config, kernels
        self.positions = nn.Embedding(config.max_length, config.embedding_size)
        self.norm = nn.LayerNorm(config.embedding_size, eps=NORM_EPSILON)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.sasrec.layers))

    def forward(self, item_vectors: Tensor, lengths: Tensor) -> Tensor:
        """Encode packed vectors (T, D) of sequences of `lengths` (B,), on the host."""
        check_packed(item_vectors, lengths, self.config.max_length)
        kernels = fitting(self.kernels, item_vectors)
        if kernels:
            return kernels.transformer(self._stack(), item_vectors, lengths)
        device = item_vectors.device
        slot = Packed.of(lengths).slot(self.config.max_length).to(device, non_blocking=True)
        attend = packed_attention(
            group_by_length(lengths, device), self.config.sasrec.heads, self._dropout()[1]
        )
        return self._encode(item_vectors, slot, attend)

    def encode_padded(
        self, item_vectors: Tensor, lengths: Tensor, asked: Tensor | None = None
    ) -> Tensor:
        """Encode left-padded vectors (B, L, D) at every slot, as the reference does."""
        check_padded(item_vectors, self.config.max_length)
        batch, slots, size = item_vectors.shape
        rows = item_vectors.reshape(-1, size)
        kernels = fitting(self.kernels, rows)
        if kernels:
            sizes = torch.full_like(lengths, slots)
            skipped = None if asked is None else sizes - asked
            encoded = kernels.transformer(self._stack(), rows, sizes, sizes - lengths, skipped)
            return encoded.view_as(item_vectors)
        device = item_vectors.device
        attend = padded_attention(
            lengths.to(device), slots, self.config.sasrec.heads, self._dropout()[1]
        )
        slot = torch.arange(slots, device=device).repeat(batch)
        return self._encode(rows, slot, attend).view_as(item_vectors)

    def _dropout(self) -> tuple[float, float]:
        """Give the dropout in force, of vectors and of attention."""
        config = self.config
        return (config.dropout, config.sasrec.attention_dropout) if self.training else (0.0, 0.0)

    def _encode(self, vectors: Tensor, slot: Tensor, attend: Attend) -> Tensor:
        vectors = self.norm(vectors + self.positions(slot))
        vectors = functional.dropout(vectors, self.config.dropout, self.training)
        for block in self.blocks:
            vectors = block(vectors, attend)
        return vectors

    def _stack(self) -> Stack:
        """Name sizes and weights in the order of the kernels, which is the modules' own."""
        options = self.config.sasrec
        return Stack(
            options.layers,
            options.heads,
            options.inner_size,
            self.config.max_length,
            *self._dropout(),
            tuple(self.parameters()),
        )
