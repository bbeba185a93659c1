"""Precision of matrix products."""

import pytest
import torch

from basrec.errors import InputError
from basrec.precision import check_precision, precision_of


def test_bf16_rounds_products_and_float32_does_not() -> None:
    a, b = torch.full((4, 4), 1.001), torch.eye(4)
    with precision_of("float32", torch.device("cpu")):
        assert torch.equal(a @ b, a)
    with precision_of("bf16", torch.device("cpu")):
        assert (a @ b).dtype == torch.bfloat16
    assert (a @ b).dtype == torch.float32


def test_tf32_holds_inside_only() -> None:
    before = torch.get_float32_matmul_precision()
    with precision_of("tf32", torch.device("cpu")):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


def test_tf32_is_refused_where_it_has_no_effect() -> None:
    with pytest.raises(InputError, match="tf32 has no effect on device = cpu"):
        check_precision("tf32", torch.device("cpu"))
    check_precision("tf32", torch.device("cuda"))
