"""Operators that edit packed sequences, known by name.

An operator uses known items only (or the mask token) and leaves its input as it is. To add
one: one file here, one line in OPERATORS.
"""

from collections.abc import Sequence

from basrec.augmentation.operators.crop import crop
from basrec.augmentation.operators.insert import insert
from basrec.augmentation.operators.mask import mask
from basrec.augmentation.operators.operator import Catalogue, Edited, Operator
from basrec.augmentation.operators.reorder import reorder
from basrec.augmentation.operators.substitute import substitute
from basrec.errors import InputError

__all__ = ["OPERATORS", "Catalogue", "Edited", "Operator", "check_operators"]

OPERATORS: dict[str, Operator] = {
    "reorder": Operator(reorder),
    "substitute": Operator(substitute, needs_neighbours=True),
    "mask": Operator(mask),
    "crop": Operator(crop, keeps_length=False, identity=1.0),
    "insert": Operator(insert, keeps_length=False, needs_neighbours=True),
}


def check_operators(names: Sequence[str]) -> None:
    """Refuse a name that is no operator."""
    for name in names:
        if name not in OPERATORS:
            known = ", ".join(sorted(OPERATORS))
            raise InputError(f"augmentation.operators: {name!r} is not known; known: {known}")
