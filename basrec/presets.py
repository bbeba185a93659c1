"""What sets the presets apart, as data: overrides of the defaults of `basrec.config`.

- `paper`: the equations as printed; where they are silent, the plain reading.
- `reference`: what the authors' published code does, its accidents included.
- `strict`: what a careful reviewer would ask for.
- `best`: the highest validation NDCG@20 found within the same protocol, backbone and sizes.

docs/method.md says what each departure is and what it changes.
"""

from collections.abc import Callable, Mapping
from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "reference": {
        "model": {"extra_ids": True},
        "augmentation": {
            "choice": "random",
            "substitute_at_least": 1,
            "edit": "whole",
            "without_neighbour": "random",
            "weight": "batch_sum",
            "partner_padding": "encode",
        },
        "evaluation": {"seen": "zero"},
    },
    "strict": {
        "train": {"negatives": "train"},
        "augmentation": {
            "substitute_at_least": 1,
            "weight": "log",
            "partner_padding": "skip",
        },
    },
    "best": {
        "model": {"dropout": 0.5},
        "train": {
            "loss": "sampled_softmax",
            "negatives_from": "shared",
            "negative_count": 1024,
            "stage1": {"patience": 10},
            "stage2": {"patience": 10},
        },
        "augmentation": {"weight": "one", "mixes": 0},
    },
}


def flatten(
    values: Mapping[str, Any],
    prefix: str = "",
    is_section: Callable[[Any], bool] = lambda value: isinstance(value, Mapping),
) -> dict[str, Any]:
    """Give nested values by dotted keys, as one sets them; `is_section` tells what is nested."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.", is_section) if is_section(value) else {name: value}
    return flat
