"""Compiled parts of a training step: C++ for float32 on the CPU, optional everywhere.

A backbone or a branch asks whether there are kernels that take its tensors, and does its work with
PyTorch's own operations otherwise. Both give the same numbers but for rounding; where there is
dropout, their masks differ. The library is built on first use, where there is a compiler.
"""

from basrec.kernels.build import load_library
from basrec.kernels.kernels import Kernels

__all__ = ["Kernels", "choose_kernels"]


def choose_kernels(name: str) -> Kernels | None:
    """Give the kernels for `auto`, `compiled` or `plain` (None).

    Errors: InputError for `compiled` where they cannot be built.
    """
    library = load_library() if name != "plain" else None
    return Kernels(library) if library else None
