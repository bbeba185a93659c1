"""BASRec's augmentation: operators that edit a sequence, and the two branches built on them.

An operator edits packed items. It keeps every length, uses known items only, and leaves its input
as it is. To add one: one file here, one line in OPERATORS.
"""

from basrec.augmentation.operators import Catalogue, Operator
from basrec.augmentation.reorder import reorder
from basrec.augmentation.substitute import substitute
from basrec.errors import InputError

__all__ = ["OPERATORS", "Catalogue", "Operator", "check_operators"]

OPERATORS: dict[str, Operator] = {"reorder": reorder, "substitute": substitute}


def check_operators(names: tuple[str, ...], has_neighbours: bool) -> None:
    """Refuse a name that is no operator, and M-Substitute without neighbours to choose from."""
    for name in names:
        if name not in OPERATORS:
            known = ", ".join(sorted(OPERATORS))
            raise InputError(f"augmentation.operators: {name!r} is not known; known: {known}")
    if "substitute" in names and not has_neighbours:
        raise InputError(
            "neighbours.parquet is missing, and operator 'substitute' needs it; run "
            "'basrec neighbours' on the prepared folder, or set augmentation.operators=[reorder]"
        )
