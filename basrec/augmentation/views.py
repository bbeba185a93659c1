"""Edited views of sequences: each by an operator drawn for it, at that operator's own rate.

Shapes: B sequences of T packed positions, K operators, D embedding size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from basrec.augmentation.operators import OPERATORS, Catalogue, Edited
from basrec.augmentation_config import AugmentationConfig, ViewOptions
from basrec.batches import Batch
from basrec.model import Recommender
from basrec.packed import Packed
from basrec.prepared import Prepared


@dataclass(frozen=True)
class Packs:
    """Packed sequences: items (T,) on the device, and their layout on the host."""

    items: Tensor
    layout: Packed

    def repeat(self, times: int) -> "Packs":
        """Give the same sequences several times."""
        return Packs(self.items.repeat(times), self.layout.repeat(times))


def catalogue_of(prepared: Prepared, config: AugmentationConfig) -> Catalogue:
    """Tell the operators of a dataset's items, and how many of them views edit at least."""
    return replace(Catalogue.of(prepared, config), at_least=config.views.at_least)


def read_sources(
    prepared: Prepared, batch: Batch, edit: Literal["window", "whole"], max_length: int, ahead: int
) -> Packs:
    """Read what is edited: inputs, whole or their last `max_length` items, and `ahead` more."""
    stretch = batch.whole if edit == "whole" else batch.whole.cut(max_length)
    layout = Packed.of(stretch.length + ahead)
    index = layout.flat(stretch.start).to(prepared.items.device, non_blocking=True)
    return Packs(prepared.items[index], layout)


def draw_views(
    sources: Packs,
    names: Sequence[str],
    options: ViewOptions,
    catalogue: Catalogue,
    max_length: int,
    stream: torch.Generator,
    at_least: int = 1,
) -> Packs:
    """Draw one view of each sequence, cut to its last `max_length` items.

    Every operator edits all sequences, and each view takes what one of them has made. A sequence
    whose view has fewer than `at_least` items stands for itself.
    """
    size, device = len(sources.layout.lengths), stream.device
    here = sources.layout.to(device)
    edits = [_edit(name, sources, here, options, catalogue, stream) for name in names]
    edits.append(Edited(sources.items, sources.layout.lengths))
    which = torch.randint(len(names), (size,), generator=stream, device=device).cpu()
    lengths = torch.stack([edited.lengths for edited in edits])  # (K + 1, B)
    begin = (lengths.flatten().cumsum(0) - lengths.flatten()).view_as(lengths)
    number = torch.arange(size)
    which = torch.where(lengths[which, number] < at_least, len(names), which)
    drawn = lengths[which, number]
    layout = Packed.of(drawn.clamp(max=max_length))
    index = layout.flat(begin[which, number] + drawn - layout.lengths)
    items = torch.cat([edited.items for edited in edits])
    return Packs(items[index.to(device, non_blocking=True)], layout)


def _edit(
    name: str,
    sources: Packs,
    here: Packed,
    options: ViewOptions,
    catalogue: Catalogue,
    stream: torch.Generator,
) -> Edited:
    """Edit all sequences by one operator at its own rate, giving their lengths on the host."""
    operator, lengths = OPERATORS[name], sources.layout.lengths
    rate = torch.full(
        lengths.shape, getattr(options, name), dtype=torch.float64, device=stream.device
    )
    edited = operator.edit(sources.items, here, rate, catalogue, stream)
    return Edited(edited.items, lengths) if operator.keeps_length else edited


def encode_beside(
    model: Recommender, originals: Tensor, views: Tensor, own: Packed, viewed: Packed
) -> tuple[Tensor, Tensor]:
    """Encode originals (T, D) and views (T', D) in one call, giving the outputs of both."""
    lengths = torch.cat([own.lengths, viewed.lengths])
    encoded = model.backbone(torch.cat([originals, views]), lengths)
    return encoded[: len(originals)], encoded[len(originals) :]


def last_of(outputs: Tensor, layout: Packed) -> Tensor:
    """Give each sequence's last output (B, D) of (T, D)."""
    return outputs.index_select(0, layout.last.to(outputs.device, non_blocking=True))
