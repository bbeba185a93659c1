"""The single-sequence branch: edited copies, mixed with the original in embedding space.

Shapes: B sequences of T packed positions, P of which aim at a target, C = 2 * pairs copies of each.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from basrec.augmentation.augmenter import Samples
from basrec.augmentation.mixing import symmetric_beta
from basrec.augmentation.operators import OPERATORS, Catalogue
from basrec.augmentation.weights import adaptive_weights
from basrec.batches import Batch
from basrec.config import AugmentationConfig
from basrec.packed import Packed
from basrec.prepared import Prepared


@dataclass(frozen=True)
class Copies:
    """All edited copies of a batch, packed copy after copy.

    Shapes: items (C * T,); mix (C, T, 1); weight (C, P); lengths (C * B,) on the host.
    """

    items: Tensor
    mix: Tensor
    weight: Tensor
    lengths: Tensor


def edit_copies(
    prepared: Prepared,
    batch: Batch,
    catalogue: Catalogue,
    config: AugmentationConfig,
    stream: torch.Generator,
    dtype: torch.dtype,
) -> Copies:
    """Draw the rates, operators, edits, mixing weights and loss weights of all copies at once."""
    copies, size = 2 * config.pairs, len(batch.layout.lengths)
    rate = draw_rates(config, (copies, size), stream)
    mix = symmetric_beta(config.alpha, (copies, size), stream, torch.float64)
    weight = adaptive_weights(config.weight, rate, mix)
    items = edit_items(prepared, batch, rate, catalogue, config, stream)
    sequence, aiming = (
        layout.sequence.to(stream.device, non_blocking=True)
        for layout in (batch.layout, batch.aimed)
    )
    return Copies(
        items=items,
        mix=mix.to(dtype)[:, sequence].unsqueeze(-1),
        weight=weight.to(dtype)[:, aiming],
        lengths=batch.layout.lengths.repeat(copies),
    )


def draw_rates(
    config: AugmentationConfig, shape: tuple[int, int], stream: torch.Generator
) -> Tensor:
    """Draw the share of each copy (C, B) that its operator edits (Eq. 4)."""
    low, high = config.rate
    uniform = torch.rand(shape, generator=stream, device=stream.device, dtype=torch.float64)
    return low + (high - low) * uniform


def edit_items(
    prepared: Prepared,
    batch: Batch,
    rate: Tensor,
    catalogue: Catalogue,
    config: AugmentationConfig,
    stream: torch.Generator,
) -> Tensor:
    """Edit `len(rate)` copies of the batch, giving their items (C * T,) within the window."""
    copies = len(rate)
    if config.edit == "window":
        layout = batch.layout.repeat(copies).to(stream.device)
        return _operate(batch.items.repeat(copies), layout, rate, catalogue, config, stream)
    full = Packed.of(batch.whole.length.repeat(copies))
    index = full.flat(batch.whole.start.repeat(copies)).to(stream.device, non_blocking=True)
    edited = _operate(
        prepared.items[index], full.to(stream.device), rate, catalogue, config, stream
    )
    window = batch.layout.repeat(copies)
    begin = full.offsets + full.lengths - window.lengths
    return edited[window.flat(begin).to(stream.device, non_blocking=True)]


def _operate(
    items: Tensor,
    layout: Packed,
    rate: Tensor,
    catalogue: Catalogue,
    config: AugmentationConfig,
    stream: torch.Generator,
) -> Tensor:
    """Apply to each copy the operator that its turn or a draw gives it."""
    copies, size = rate.shape
    if config.choice == "each":
        turn = torch.arange(copies, device=stream.device) % len(config.operators)
        which = turn.repeat_interleave(size)
    else:
        which = torch.randint(
            len(config.operators), (copies * size,), generator=stream, device=stream.device
        )
    which = which[layout.sequence]
    edited = items
    for number, name in enumerate(config.operators):
        result = OPERATORS[name].edit(items, layout, rate.flatten(), catalogue, stream).items
        edited = torch.where(which == number, result, edited)
    return edited


def operator_samples(
    name: str,
    prepared: Prepared,
    batch: Batch,
    config: AugmentationConfig,
    stream: torch.Generator,
) -> Samples:
    """Edit one copy of all sequences with one operator, at rates drawn as in training."""
    alone = config.model_copy(update={"operators": (name,)})
    rate = draw_rates(alone, (1, len(batch.layout.lengths)), stream)
    catalogue = Catalogue.of(prepared, alone)
    items = edit_items(prepared, batch, rate, catalogue, alone, stream)
    lengths = batch.layout.lengths if config.edit == "window" else batch.whole.length
    asked = (rate[0] * lengths.to(rate.device)).floor().long()
    return Samples(items, batch.layout, asked)
