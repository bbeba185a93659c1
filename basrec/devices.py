"""The one device switch."""

import torch

from basrec.errors import InputError


def choose_device(name: str) -> torch.device:
    """Give the device for `auto`, `cpu` or `cuda`.

    Errors: InputError for `cuda` where PyTorch sees none; there is no silent fallback.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "device = cuda, but PyTorch sees no CUDA device; set device=cpu or device=auto"
        )
    return torch.device(name)
