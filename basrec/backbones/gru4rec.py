"""GRU4Rec: a recurrent network over the items (Hidasi et al., ICLR 2016).

As in the BASRec authors' code: dropout on the item vectors (Tan et al., DLRS 2016), a GRU without
biases, and a linear layer back to the embedding size, where the item table gives the scores.
Shapes: B sequences, T packed positions, L = max_length slots, D embedding size, H hidden size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from basrec.backbones.lengths import check_packed, check_padded, real_slots
from basrec.config import ModelConfig
from basrec.kernels import Kernels
from basrec.packed import Packed


class GRU4Rec(nn.Module):
    """The encoder: dropout, GRU, linear layer.

    Without biases a zero input leaves a zero state as it is, so left padding changes nothing. At
    padded slots the output is the linear layer's bias.
    """

    causal = True
    sees_padding = False

    def __init__(self, config: ModelConfig, kernels: Kernels | None = None) -> None:
        super().__init__()
        self.config = config
        options = config.gru4rec
        self.gru = nn.GRU(
            config.embedding_size,
            options.hidden_size,
            options.layers,
            bias=False,
            batch_first=True,
        )
        self.out = nn.Linear(options.hidden_size, config.embedding_size)

    def initialise(self, stream: torch.Generator) -> None:
        """Draw all matrices by Xavier's uniform rule, as the reference does."""
        for matrix in (*self.gru.parameters(), self.out.weight):
            nn.init.xavier_uniform_(matrix, generator=stream)

    def forward(self, item_vectors: Tensor, lengths: Tensor) -> Tensor:
        """Encode packed vectors (T, D) of sequences of `lengths` (B,), on the host."""
        check_packed(item_vectors, lengths, self.config.max_length)
        place, sizes = plan_steps(lengths)
        order = torch.empty_like(place)
        order[place] = torch.arange(len(place))
        place, order = (part.to(item_vectors.device, non_blocking=True) for part in (place, order))
        states = self._states(self._drop(item_vectors).index_select(0, order), sizes)
        return self._project(states.index_select(0, place), item_vectors)

    def encode_padded(
        self, item_vectors: Tensor, lengths: Tensor, asked: Tensor | None = None
    ) -> Tensor:
        """Encode left-padded vectors (B, L, D) at every slot, padded ones as zeros."""
        check_padded(item_vectors, self.config.max_length)
        real = real_slots(lengths.to(item_vectors.device), item_vectors.shape[1]).unsqueeze(-1)
        states = self.gru(self._drop(item_vectors).masked_fill(~real, 0.0))[0]
        return self._project(states, item_vectors)

    def _states(self, steps: Tensor, sizes: Tensor) -> Tensor:
        """Give the states (T, H) of vectors (T, D) in the order of `plan_steps`.

        On the CPU PyTorch's GRU cuts each step out of all vectors, so that on the way back it fills
        and adds as many zeros as there are vectors, step after step; `run_steps` does not.
        """
        if steps.is_cuda:
            states: Tensor = self.gru(PackedSequence(steps, sizes))[0].data
            return states
        for inside, inner in self.gru.all_weights:
            steps = run_steps(steps, sizes, inside, inner)
        return steps

    def _drop(self, vectors: Tensor) -> Tensor:
        return functional.dropout(vectors, self.config.dropout, self.training)

    def _project(self, states: Tensor, like: Tensor) -> Tensor:
        """Give outputs in the precision that vectors came in, also where products have less."""
        outputs: Tensor = self.out(states).to(like.dtype)
        return outputs


def run_steps(steps: Tensor, sizes: Tensor, inside: Tensor, inner: Tensor) -> Tensor:
    """Run a layer of gated recurrent units without biases over steps (T, D), giving (T, H).

    The weights (3 H, D) of the vectors and (3 H, H) of the state are laid out as in `torch.nn.GRU`:
    reset gate, update gate, new state.
    """
    cuts, width = sizes.tolist(), inner.shape[1]
    reset, update, new = (
        torch.split(part, cuts) for part in torch.split(steps @ inside.T, width, 1)
    )
    state = reset[0].new_zeros(cuts[0], width)
    states = []
    for r, z, n in zip(reset, update, new, strict=True):
        state = state[: len(r)]
        from_r, from_z, from_n = torch.split(state @ inner.T, width, 1)
        drawn = torch.tanh(torch.addcmul(n, torch.sigmoid(r + from_r), from_n))
        state = torch.lerp(drawn, state, torch.sigmoid(z + from_z))
        states.append(state)
    return torch.cat(states)


def plan_steps(lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Lay packed positions out step by step, the longest sequence first within each step.

    Gives the place (T,) of each position, and the number of sequences in each step: no step works
    on padding.
    """
    layout = Packed.of(lengths)
    rank = torch.empty_like(lengths)
    rank[lengths.argsort(descending=True, stable=True)] = torch.arange(len(lengths))
    sizes = torch.bincount(layout.position)
    begin = sizes.cumsum(0) - sizes
    return begin[layout.position] + rank[layout.sequence], sizes
