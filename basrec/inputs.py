"""What an encoder reads for some examples: their last items, generated ones before them.

Shapes: E examples, T packed positions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.prior import Prior
from basrec.split import Examples


@dataclass(frozen=True)
class Inputs:
    """Packed inputs.

    Shapes: items (T,), on the device; `layout` says which position is whose; generated (E,), on the
    host: so many items at a sequence's start are not the user's own.
    """

    items: Tensor
    layout: Packed
    generated: Tensor


def read_inputs(prepared: Prepared, examples: Examples, max_length: int) -> Inputs:
    """Read the last `max_length` items of each example, after those generated for its user."""
    cut, device = examples.cut(max_length), prepared.items.device
    if prepared.prior is None:
        layout = Packed.of(cut.length)
        index = layout.flat(cut.start).to(device, non_blocking=True)
        return Inputs(prepared.items[index], layout, torch.zeros_like(cut.length))
    taken = _taken(prepared.prior, examples, max_length - cut.length, prepared.offsets)
    layout = Packed.of(taken + cut.length)
    # Both places run on from where the other kind of item would lie.
    before = layout.flat(prepared.prior.offsets[examples.user + 1] - taken)
    own = layout.flat(cut.start - taken)
    is_own = layout.position >= taken[layout.sequence]
    parts = (torch.where(is_own, own, 0), torch.where(is_own, 0, before), is_own)
    own, before, is_own = (part.to(device, non_blocking=True) for part in parts)
    items = torch.where(is_own, prepared.items[own], _rows(prepared.prior.items, before))
    return Inputs(items, layout, taken)


def _taken(prior: Prior, examples: Examples, room: Tensor, offsets: Tensor) -> Tensor:
    """Count the generated items (E,) that there is room for; none but before a user's first."""
    counts = prior.offsets.diff()[examples.user]
    is_first = examples.start == offsets[examples.user]
    return torch.where(is_first, torch.minimum(counts, room), 0)


def _rows(items: Tensor, index: Tensor) -> Tensor:
    """Look up generated items, of which there may be none at all."""
    return items[index] if len(items) else torch.zeros_like(index)
