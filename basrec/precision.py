"""The precision of matrix products in training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from basrec.errors import InputError


def check_precision(name: str, device: torch.device) -> None:
    """Refuse a precision that would have no effect on this device."""
    if name == "tf32" and device.type != "cuda":
        raise InputError(
            f"train.precision = tf32 has no effect on device = {device.type}; "
            "set train.precision=float32, or bf16"
        )


def autocast_of(name: str, device: torch.device) -> torch.autocast:
    """Compute a forward pass in this precision; its backward pass follows by itself."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=name == "bf16")


@contextmanager
def products_of(name: str) -> Iterator[None]:
    """Let float32 products be TF32 where that is asked for, forward and backward alike."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
