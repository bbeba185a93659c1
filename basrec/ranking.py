"""Rank of a target among all items, by counting the scores above it.

Shapes: R rows (users) in a block, V candidates, S seen pairs in the block.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from basrec.config import EvaluationConfig
from basrec.model import Recommender
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.split import Examples


def rank_targets(
    model: Recommender, prepared: Prepared, examples: Examples, config: EvaluationConfig
) -> Tensor:
    """Give each example's rank (E,) of the item after its input, 1 is best, in float64.

    All items are ranked; items of the input follow `config.seen`, equal scores `config.ties`.
    """
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        table = model.candidates()
        rows = min(config.block_size, len(examples))
        # Two buffers for all blocks: fresh memory for each costs more than the arithmetic.
        buffers = table.new_empty(rows, len(table)), table.new_empty(rows, len(table))
        ranks = [
            _rank_block(model, prepared, block, config, buffers)
            for block in _blocks(examples, config.block_size)
        ]
    model.train(was_training)
    return torch.cat(ranks).cpu() if ranks else torch.empty(0, dtype=torch.float64)


def _blocks(examples: Examples, size: int) -> Iterator[Examples]:
    """Give the examples in blocks, in their order."""
    for rows in torch.split(torch.arange(len(examples)), size):
        yield examples.take(rows)


def encode_last(model: Recommender, prepared: Prepared, examples: Examples) -> Tensor:
    """Encode each input and give its last output (R, D)."""
    device = prepared.items.device
    cut = examples.cut(model.config.max_length)
    layout = Packed.of(cut.length)
    items = prepared.items[layout.flat(cut.start).to(device)]
    return model(items, layout.lengths)[layout.last.to(device)]


def _rank_block(
    model: Recommender,
    prepared: Prepared,
    block: Examples,
    config: EvaluationConfig,
    buffers: tuple[Tensor, Tensor],
) -> Tensor:
    device = prepared.items.device
    scores, flags = (buffer[: len(block)] for buffer in buffers)
    torch.mm(encode_last(model, prepared, block), model.candidates().T, out=scores)  # (R, V)
    shift = 0 if model.config.extra_ids else 1  # column of an item id
    target = prepared.items[(block.start + block.length).to(device)] - shift
    row, column = (part.to(device) for part in _seen_pairs(prepared, block, shift))
    own = column == target[row]
    aim = scores.gather(1, target.unsqueeze(1))  # (R, 1)
    if config.seen == "zero":
        repeated = torch.zeros(len(block), dtype=torch.bool, device=device)
        repeated[row[own]] = True
        aim = torch.where(repeated.unsqueeze(1), torch.zeros_like(aim), aim)
    # Flags as numbers sum several times faster than booleans; exact below 2^24 candidates.
    above = torch.gt(scores, aim, out=flags).sum(1).long()
    equal = torch.eq(scores, aim, out=flags).sum(1).long()
    mine = scores.gather(1, target.unsqueeze(1))
    above, equal = above - (mine > aim).sum(1), equal - (mine == aim).sum(1)
    if config.seen != "keep":
        row, column = row[~own], column[~own]
        score, limit = scores[row, column], aim[row, 0]
        above.index_add_(0, row, -(score > limit).long())
        equal.index_add_(0, row, -(score == limit).long())
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
