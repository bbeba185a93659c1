"""A recommender: an item table, a backbone over it, and scores by inner product.

Shapes: V items, T packed positions, B sequences, D embedding size.
"""

import torch
from torch import Tensor, nn

from basrec.backbones import Backbone, Initialised, build_backbone
from basrec.config import ModelConfig
from basrec.kernels import Kernels


class Recommender(nn.Module):
    """Item embeddings and an encoder; the same table serves inputs and targets.

    The table has num_items + 2 rows: 0 is padding and stays zero, num_items + 1 is no item and
    is used under `model.extra_ids` only.
    """

    def __init__(self, num_items: int, config: ModelConfig, kernels: Kernels | None = None) -> None:
        super().__init__()
        self.kernels = kernels
        self.config = config
        self.num_items = num_items
        self.items = nn.Embedding(num_items + 2, config.embedding_size, padding_idx=0)
        self.backbone: Backbone = build_backbone(config, kernels)

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        """Encode packed item ids (T,) of sequences of `lengths` (B,), giving (T, D)."""
        vectors: Tensor = self.backbone(self.items(items), lengths)
        return vectors

    def drawable(self) -> Tensor:
        """Give the vectors of what may be a negative: items, and num_items + 1 with `extra_ids`."""
        return self.items.weight[1:] if self.config.extra_ids else self.items.weight[1:-1]

    def candidates(self) -> Tensor:
        """Give the vectors (V, D) that are ranked; row 0 is item 1, or id 0 with `extra_ids`."""
        table = self.items.weight
        return table if self.config.extra_ids else table[1:-1]


def build_recommender(
    num_items: int,
    config: ModelConfig,
    stream: torch.Generator,
    kernels: Kernels | None = None,
) -> Recommender:
    """Make a recommender with weights N(0, initializer_range), zero biases and unit norms.

    A backbone with a rule of its own draws its weights anew.
    """
    model = Recommender(num_items, config, kernels)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                continue  # already ones and zeros
            for name, values in module.named_parameters(recurse=False):
                if name.startswith("bias"):
                    values.zero_()
                else:
                    values.normal_(0.0, config.initializer_range, generator=stream)
        if isinstance(model.backbone, Initialised):
            model.backbone.initialise(stream)
        model.items.weight[0] = 0.0
    return model
