"""What augmented samples are made of: edits, and transitions from an item to the next.

Shapes: B sequences of T packed positions; B' of T' in samples of them, copy after copy.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from basrec.augmentation.augmenter import Samples
from basrec.packed import Packed
from basrec.prepared import Prepared


@dataclass(frozen=True)
class Known:
    """What the training parts hold: codes of their distinct transitions, sorted, and items.

    Shapes: codes (N,); items (V + 1,), whether each is there.
    """

    codes: Tensor
    items: Tensor
    total: int

    @classmethod
    def of(cls, prepared: Prepared) -> "Known":
        """Gather the transitions of all users' training parts, their last targets included."""
        length = prepared.bounds.train.clamp(min=0)
        user = torch.nonzero(length > 0).squeeze(1)
        layout = Packed.of(length[user])
        items = prepared.items[layout.flat(prepared.offsets[user])]
        codes, _ = transitions(items, layout, prepared.num_items)
        there = torch.zeros(prepared.num_items + 1, dtype=torch.bool)
        there[items] = True
        return cls(torch.unique(codes), there, len(codes))

    def has(self, codes: Tensor) -> Tensor:
        """Say of each code whether it is among the training parts'."""
        if len(self.codes) == 0:
            return torch.zeros_like(codes, dtype=torch.bool)
        place = torch.searchsorted(self.codes, codes).clamp(max=len(self.codes) - 1)
        return self.codes[place] == codes

    def facts(self) -> dict[str, Any]:
        """Tell how many there are."""
        return {
            "transitions": self.total,
            "distinct": len(self.codes),
            "coverage": coverage(self.items),
        }


def transitions(items: Tensor, layout: Packed, num_items: int) -> tuple[Tensor, Tensor]:
    """Give the code of every pair of neighbours within a sequence, and the sequence it is of.

    Pairs with something that is no item (a mask token) are left out.
    """
    is_item = (items >= 1) & (items <= num_items)
    later = torch.nonzero((layout.position > 0) & is_item & is_item.roll(1)).squeeze(1)
    codes = items[later - 1] * (num_items + 1) + items[later]
    return codes, layout.sequence[later]


def coverage(there: Tensor) -> float:
    """Give the share of the catalogue that is there (V + 1,); entry 0 is no item."""
    return share(int(there[1:].sum()), len(there) - 1)


def share(part: float, whole: float) -> float:
    """Give a share; that of nothing is 0."""
    return part / whole if whole else 0.0


def kept_positions(items: Tensor, layout: Packed, samples: Samples) -> Tensor:
    """Say where samples (T',) have the original's item in the same slot; last meets last."""
    own = samples.layout
    copies = len(own.lengths) // len(layout.lengths)
    lengths, offsets = layout.lengths.repeat(copies), layout.offsets.repeat(copies)
    place = own.position + (lengths - own.lengths)[own.sequence]
    met = offsets[own.sequence] + place.clamp(min=0)
    return (place >= 0) & (items[met] == samples.items)


@dataclass
class Tally:
    """Counts over the samples of one kind."""

    known: Known
    num_items: int
    sequences: int = 0
    unchanged: int = 0
    positions: int = 0
    changed: int = 0
    asked: int | None = None
    total: int = 0
    seen: int = 0
    made: int = 0
    """Transitions that the sample's own original does not have."""
    made_seen: int = 0
    codes: list[Tensor] = field(default_factory=list)
    items: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.items = torch.zeros(self.num_items + 1, dtype=torch.bool)

    def add(self, items: Tensor, layout: Packed, samples: Samples) -> None:
        """Count the samples of a batch beside its originals."""
        kept = kept_positions(items, layout, samples)
        copies = len(samples.layout.lengths) // len(layout.lengths)
        differs = torch.zeros(len(samples.layout.lengths), dtype=torch.int64)
        differs.index_add_(0, samples.layout.sequence, (~kept).long())
        same_length = samples.layout.lengths == layout.lengths.repeat(copies)
        self.sequences += len(differs)
        self.unchanged += int(((differs == 0) & same_length).sum())
        self.positions += len(kept)
        self.changed += int((~kept).sum())
        if samples.asked is not None:
            self.asked = (self.asked or 0) + int(samples.asked.sum())
        self.items[samples.items[samples.items <= self.num_items]] = True
        self._add_transitions(items, layout, samples)

    def _add_transitions(self, items: Tensor, layout: Packed, samples: Samples) -> None:
        codes, sequence = transitions(samples.items, samples.layout, self.num_items)
        before, of = transitions(items, layout, self.num_items)
        stride = (self.num_items + 1) ** 2
        made = ~torch.isin(sequence % len(layout.lengths) * stride + codes, of * stride + before)
        seen = self.known.has(codes)
        self.total += len(codes)
        self.seen += int(seen.sum())
        self.made += int(made.sum())
        self.made_seen += int((made & seen).sum())
        self.codes.append(torch.unique(codes))

    def edits(self) -> dict[str, Any]:
        """Tell how much was changed."""
        return {
            "sequences": self.sequences,
            "unchanged": share(self.unchanged, self.sequences),
            "positions_changed": share(self.changed, self.positions),
            "mean_asked": None if self.asked is None else share(self.asked, self.sequences),
            "mean_done": share(self.changed, self.sequences),
        }

    def diversity(self) -> dict[str, Any]:
        """Tell how many different transitions and items the samples have."""
        distinct = torch.unique(torch.cat(self.codes))
        new = ~self.known.has(distinct)
        return {
            "transitions": self.total,
            "distinct": len(distinct),
            "new": int(new.sum()),
            "coverage": coverage(self.items),
        }

    def relevance(self) -> dict[str, Any]:
        """Tell which share of the transitions the training data have too."""
        return {
            "seen": share(self.seen, self.total),
            "made": share(self.made, self.total),
            "seen_of_made": share(self.made_seen, self.made) if self.made else None,
        }
