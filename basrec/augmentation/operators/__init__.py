"""Operators that edit packed sequences, known by name.

An operator uses known items only and leaves its input as it is. To add one: one file here, one line
in OPERATORS.
"""

from collections.abc import Sequence

from basrec.augmentation.operators.operator import Catalogue, Edited, Operator
from basrec.augmentation.operators.reorder import reorder
from basrec.augmentation.operators.substitute import substitute
from basrec.errors import InputError

__all__ = ["OPERATORS", "Catalogue", "Edited", "Operator", "check_operators"]

OPERATORS: dict[str, Operator] = {
    "reorder": Operator(reorder),
    "substitute": Operator(substitute, needs_neighbours=True),
}


def check_operators(names: Sequence[str]) -> None:
    """Refuse a name that is no operator."""
    for name in names:
        if name not in OPERATORS:
            known = ", ".join(sorted(OPERATORS))
            raise InputError(f"augmentation.operators: {name!r} is not known; known: {known}")
