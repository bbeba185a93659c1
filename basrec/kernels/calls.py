"""How tensors and numbers are handed to the library."""

import ctypes

import torch
from torch import Tensor


def address(tensor: Tensor) -> ctypes.c_void_p:
    """Give where a contiguous tensor's numbers lie."""
    if tensor.dtype not in (torch.float32, torch.int64) or not tensor.is_contiguous():
        raise TypeError(f"the kernels take whole float32 and int64 tensors, not {tensor.dtype}")
    return ctypes.c_void_p(tensor.data_ptr())


def addresses(tensors: list[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    """Give an array of such places."""
    return (ctypes.c_void_p * len(tensors))(*(address(tensor).value for tensor in tensors))


def whole(*numbers: int) -> list[ctypes.c_int64]:
    """Give whole numbers as the library takes them."""
    return [ctypes.c_int64(number) for number in numbers]


def threads() -> ctypes.c_int64:
    """Give the number of threads, which is PyTorch's."""
    return ctypes.c_int64(torch.get_num_threads())
