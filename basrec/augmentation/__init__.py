"""BASRec's augmentation: operators that edit a sequence, and the two branches built on them.

An operator edits packed items. It keeps every length, uses known items only, and leaves its input
as it is. To add one: one file here, one line in OPERATORS.
"""

from basrec.augmentation.operators import Catalogue, Operator
from basrec.augmentation.reorder import reorder
from basrec.augmentation.substitute import substitute

__all__ = ["OPERATORS", "Catalogue", "Operator"]

OPERATORS: dict[str, Operator] = {"reorder": reorder, "substitute": substitute}
