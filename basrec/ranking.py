"""Rank of a target among all items, by counting the scores above it.

Shapes: R rows (users) in a block, V candidates, S seen pairs in the block.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from basrec.config import EvaluationConfig
from basrec.errors import MachineError
from basrec.inputs import read_inputs
from basrec.kernels import fitting
from basrec.model import Recommender
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.scoring import Candidates, PlainCandidates
from basrec.split import Examples


def rank_targets(
    model: Recommender, prepared: Prepared, examples: Examples, config: EvaluationConfig
) -> Tensor:
    """Give each example's rank (E,) of the item after its input, 1 is best, in float64.

    All items are ranked; items of the input follow `config.seen`, equal scores `config.ties`.
    Errors: MachineError where vectors or scores are not finite: the model has diverged.
    """
    with _judged(model):
        candidates = candidates_of(model)
        ranks = [
            _rank_block(model, candidates, prepared, block, config)
            for block in _blocks(examples, config.block_size)
        ]
    return torch.cat(ranks).cpu() if ranks else torch.empty(0, dtype=torch.float64)


def top_items(
    model: Recommender,
    prepared: Prepared,
    examples: Examples,
    most: int,
    config: EvaluationConfig,
) -> tuple[Tensor, Tensor]:
    """Give item ids and scores (E, K) of the best `most` items to follow each input.

    `most` is at least 1. Items of the input are left out unless `config.seen` is `keep`. Of equal
    scores the lower id comes first; 0 and -inf fill up where a user has too few items left.
    """
    if most < 1:
        raise ValueError(f"most = {most}: at least 1 item")
    nothing = torch.empty(0, dtype=torch.int64)
    found = []
    with _judged(model):
        candidates, shift = candidates_of(model, items_only=True), 1
        for block in _blocks(examples, config.block_size):
            pairs = (nothing, nothing)
            if config.seen != "keep":
                pairs = _seen_pairs(prepared, block, shift)
            vectors = encode_last(model, prepared, block)
            _refuse_diverged(vectors)
            row, column = (part.to(vectors.device) for part in pairs)
            scores, columns = candidates.score(vectors).top(most, row, column)
            found.append((columns + shift, scores))
    if not found:
        return nothing.view(0, 1).repeat(1, most), torch.empty(0, most)
    items, scores = (torch.cat(parts).cpu() for parts in zip(*found, strict=True))
    return items, scores


@contextmanager
def _judged(model: Recommender) -> Iterator[None]:
    """Switch dropout and gradients off for a while."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def candidates_of(model: Recommender, items_only: bool = False) -> Candidates:
    """Lay out what is ranked: `model.candidates()`, or items alone."""
    table = model.items.weight[1:-1] if items_only else model.candidates()
    _refuse_diverged(table)
    kernels = fitting(model.kernels, table)
    return kernels.candidates(table) if kernels else PlainCandidates(table)


def _refuse_diverged(values: Tensor) -> None:
    """Refuse to rank by what compares with nothing."""
    if not bool(values.isfinite().all()):
        raise MachineError(
            "the model has diverged: its vectors or scores are not finite; lower "
            "train.learning_rate"
        )


def _blocks(examples: Examples, size: int) -> Iterator[Examples]:
    """Give the examples in blocks, in their order."""
    for first in range(0, len(examples), size):
        yield examples.take(slice(first, first + size))


def encode_last(model: Recommender, prepared: Prepared, examples: Examples) -> Tensor:
    """Encode each input and give its last output (R, D)."""
    device = prepared.items.device
    inputs = read_inputs(prepared, examples, model.config.max_length)
    return model(inputs.items, inputs.layout.lengths)[inputs.layout.last.to(device)]


def _rank_block(
    model: Recommender,
    candidates: Candidates,
    prepared: Prepared,
    block: Examples,
    config: EvaluationConfig,
) -> Tensor:
    device = prepared.items.device
    scores = candidates.score(encode_last(model, prepared, block))
    shift = 0 if model.config.extra_ids else 1  # column of an item id
    target = prepared.items[(block.start + block.length).to(device)] - shift
    row, column = (part.to(device) for part in _seen_pairs(prepared, block, shift))
    own = column == target[row]
    everyone = torch.arange(len(block), device=device)
    asked = scores.pairs(torch.cat([everyone, row]), torch.cat([target, column]))
    mine, seen = asked[: len(block)], asked[len(block) :]
    _refuse_diverged(mine)
    aim = mine
    if config.seen == "zero":
        aim = mine.index_fill(0, row[own], 0.0)
    above, equal = scores.count(aim)
    above, equal = above - (mine > aim).long(), equal - (mine == aim).long()
    if config.seen != "keep":
        row, seen = row[~own], seen[~own]
        limit = aim[row]
        above.index_add_(0, row, -(seen > limit).long())
        equal.index_add_(0, row, -(seen == limit).long())
        if config.seen == "zero":
            above.index_add_(0, row, (limit < 0).long())
            equal.index_add_(0, row, (limit == 0).long())
    before = {"pessimistic": equal, "optimistic": torch.zeros_like(equal), "mean": equal / 2}
    return 1.0 + above.double() + before[config.ties].double()


def _seen_pairs(prepared: Prepared, block: Examples, shift: int) -> tuple[Tensor, Tensor]:
    """Give the distinct (row, candidate column) pairs (S,) of the inputs' items, uncut."""
    layout = Packed.of(block.length)
    items = prepared.items[layout.flat(block.start).to(prepared.items.device)].cpu()
    width = prepared.num_items + 2
    pairs = torch.unique(layout.sequence * width + items)
    return torch.div(pairs, width, rounding_mode="floor"), pairs % width - shift
