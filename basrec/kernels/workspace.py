"""Memory that one step hands on to the next.

Tens of megabytes are kept from each forward pass to its backward pass. Fresh memory of that size
costs the system more time than the kernels take to fill it.
"""

import torch
from torch import Tensor


class Workspace:
    """Buffers that are free at the moment."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []

    def lease(self, numbers: int) -> "Lease":
        """Give a float32 buffer of at least so many numbers, until the lease is forgotten."""
        fitting = [free for free in self._free if len(free) >= numbers]
        if fitting:
            buffer = min(fitting, key=len)
            self._free = [free for free in self._free if free is not buffer]
        else:
            self._free.clear()  # batches differ in size: soon every buffer is as large as any needs
            buffer = torch.empty(numbers + numbers // 4)
        return Lease(self, buffer)

    def take_back(self, buffer: Tensor) -> None:
        """Offer a buffer to the next lease."""
        self._free.append(buffer)


class Lease:
    """A buffer that goes back to its workspace when nobody holds the lease any more."""

    def __init__(self, workspace: Workspace, buffer: Tensor) -> None:
        self._workspace, self.buffer = workspace, buffer

    def __del__(self) -> None:
        self._workspace.take_back(self.buffer)
