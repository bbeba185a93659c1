"""The feed-forward part that SASRec's and FMLP-Rec's blocks end with."""

from torch import Tensor, nn
from torch.nn import functional

NORM_EPSILON = 1e-12
"""Of every layer norm, as in BERT, whose parts both papers' codes take over."""


class FeedForward(nn.Module):
    """Expand, GELU, contract, dropout, residual, layer norm; on each row by itself."""

    def __init__(self, size: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.expand = nn.Linear(size, inner)
        self.contract = nn.Linear(inner, size)
        self.norm = nn.LayerNorm(size, eps=NORM_EPSILON)

    def forward(self, vectors: Tensor) -> Tensor:
        """Transform vectors (..., D)."""
        inner = self.contract(functional.gelu(self.expand(vectors)))
        dropped = functional.dropout(inner, self.dropout, self.training)
        normed: Tensor = self.norm(dropped + vectors)
        return normed
