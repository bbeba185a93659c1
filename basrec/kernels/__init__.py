"""Compiled parts of a training step: C++ for float32 on the CPU, optional everywhere.

A backbone or a branch asks whether there are kernels that take its tensors, and does its work with
PyTorch's own operations otherwise. Both give the same numbers but for rounding; where there is
dropout, their masks differ. The library is built on first use, where there is a compiler.
"""

import logging
from functools import cache

import torch
from torch import Tensor

from basrec.errors import InputError
from basrec.kernels.build import load_library
from basrec.kernels.kernels import Kernels

__all__ = ["Kernels", "choose_kernels", "fitting"]


def choose_kernels(name: str, device: torch.device, precision: str = "float32") -> Kernels | None:
    """Give the kernels for `auto`, `compiled` or `plain` (None).

    Errors: InputError for `compiled` where they cannot be built or do not fit.
    """
    fitting = device.type == "cpu" and precision == "float32"
    if name == "plain" or (name == "auto" and not fitting):
        return None
    if not fitting:
        raise InputError(
            f"kernels = compiled, but they are for float32 on the CPU, and device = {device}, "
            f"train.precision = {precision}; set kernels=auto"
        )
    library = load_library()
    if not isinstance(library, str):
        return Kernels(library)
    if name == "compiled":
        raise InputError(f"kernels = compiled, but {library}; or set kernels=auto")
    _tell(library)
    return None


@cache
def _tell(reason: str) -> None:
    """Tell once why PyTorch's own operations are taken."""
    logging.getLogger(__name__).warning(
        "compiled kernels are left out, so training takes about three times as long: %s", reason
    )


def fitting(kernels: Kernels | None, tensor: Tensor) -> Kernels | None:
    """Give the kernels where there are some and they are compiled for this kind of tensor."""
    is_fit = tensor.dtype == torch.float32 and tensor.device.type == "cpu"
    return kernels if is_fit else None
