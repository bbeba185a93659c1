"""The kernels, where there is a compiler."""

import pytest
import torch

from basrec.kernels import Kernels, choose_kernels


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    found = choose_kernels("auto", torch.device("cpu"))
    if found is None:
        pytest.skip("no C++ compiler")
    return found
