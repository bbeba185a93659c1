"""FMLP-Rec: learnable filters in the frequency domain (Zhou et al., WWW 2022).

Like SASRec with the attention replaced by a filter: the real Fourier transform over the slots,
multiplied by learnable complex weights, and transformed back. Positions are counted from the end.
By default the filter is circular, so every output depends on all items of its sequence: `causal` is
False, and one pass must not be trained to predict the next item at every position.
Shapes: B sequences, T packed positions, L = max_length slots, D embedding size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from basrec.backbones.feed_forward import NORM_EPSILON, FeedForward
from basrec.backbones.filters import (
    Convolve,
    Filter,
    packed_convolution,
    padded_convolution,
)
from basrec.backbones.groups import group_by_length
from basrec.backbones.lengths import check_packed, check_padded, real_slots
from basrec.config import ModelConfig
from basrec.kernels import Kernels
from basrec.packed import Packed


class Block(nn.Module):
    """A filter with dropout, residual and layer norm, and a feed-forward part."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.embedding_size
        self.dropout = config.dropout
        self.filter = Filter(config.max_length, size, config.fmlp.filter == "causal")
        self.filter_norm = nn.LayerNorm(size, eps=NORM_EPSILON)
        self.feed_forward = FeedForward(size, config.fmlp.inner_size, config.dropout)

    def forward(self, vectors: Tensor, convolve: Convolve) -> Tensor:
        """Transform vectors (..., D); `convolve` alone knows which rows are whose."""
        filtered = convolve(vectors, self.filter)
        dropped = functional.dropout(filtered, self.dropout, self.training)
        transformed: Tensor = self.feed_forward(self.filter_norm(dropped + vectors))
        return transformed


class FMLP(nn.Module):
    """The encoder: positions, layer norm, dropout, then the blocks.

    `padding: mask`: padded slots are zero before every filter, so that only real ones are worked
    on. Outputs at padded slots are those of the same layers there: a position without an item, to
    which each filter adds what it makes of the real slots. `padding: encode`: padded slots hold
    what the layers make of them, and real ones see that, as in the authors' code.
    """

    def __init__(self, config: ModelConfig, kernels: Kernels | None = None) -> None:
        super().__init__()
        self.config = config
        self.causal = config.fmlp.filter == "causal"
        self.sees_padding = config.fmlp.padding == "encode"
        self.positions = nn.Embedding(config.max_length, config.embedding_size)
        self.norm = nn.LayerNorm(config.embedding_size, eps=NORM_EPSILON)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.fmlp.layers))

    def forward(self, item_vectors: Tensor, lengths: Tensor) -> Tensor:
        """Encode packed vectors (T, D) of sequences of `lengths` (B,), on the host."""
        slots, device = self.config.max_length, item_vectors.device
        check_packed(item_vectors, lengths, slots)
        layout = Packed.of(lengths)
        slot = layout.slot(slots).to(device, non_blocking=True)
        if self.config.fmlp.padding == "mask":
            groups = group_by_length(lengths, device)
            return self._encode(item_vectors, slot, packed_convolution(groups))
        place = layout.sequence.to(device, non_blocking=True) * slots + slot
        padded = item_vectors.new_zeros(len(lengths) * slots, item_vectors.shape[1])
        padded = padded.index_copy(0, place, item_vectors).view(len(lengths), slots, -1)
        return self.encode_padded(padded, lengths).flatten(0, 1).index_select(0, place)

    def encode_padded(
        self, item_vectors: Tensor, lengths: Tensor, asked: Tensor | None = None
    ) -> Tensor:
        """Encode left-padded vectors (B, L, D) at every slot."""
        slots, device = self.config.max_length, item_vectors.device
        check_padded(item_vectors, slots)
        is_masked = self.config.fmlp.padding == "mask"
        real = real_slots(lengths.to(device), slots) if is_masked else None
        slot = torch.arange(slots, device=device)
        return self._encode(item_vectors, slot, padded_convolution(real))

    def _encode(self, vectors: Tensor, slot: Tensor, convolve: Convolve) -> Tensor:
        vectors = self.norm(vectors + self.positions(slot))
        vectors = functional.dropout(vectors, self.config.dropout, self.training)
        for block in self.blocks:
            vectors = block(vectors, convolve)
        return vectors
