"""Precision of matrix products."""

from typing import Any

import pytest
import torch

from basrec.config import ModelConfig
from basrec.errors import InputError
from basrec.model import build_recommender
from basrec.precision import autocast_of, check_precision, products_of
from basrec.rng import generator
from basrec.stages import take_step


def test_bf16_rounds_products_and_float32_does_not() -> None:
    a, b = torch.full((4, 4), 1.001), torch.eye(4)
    with autocast_of("float32", torch.device("cpu")):
        assert torch.equal(a @ b, a)
    with autocast_of("bf16", torch.device("cpu")):
        assert (a @ b).dtype == torch.bfloat16
    assert (a @ b).dtype == torch.float32


def test_tf32_holds_inside_only() -> None:
    before = torch.get_float32_matmul_precision()
    with products_of("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


def test_tf32_is_refused_where_it_has_no_effect() -> None:
    with pytest.raises(InputError, match="tf32 has no effect on device = cpu"):
        check_precision("tf32", torch.device("cpu"))
    check_precision("tf32", torch.device("cuda"))


def test_tf32_holds_in_the_backward_pass_too() -> None:
    seen: list[str] = []

    class Watch(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_float32_matmul_precision())
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *above: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_float32_matmul_precision())
            return above[0]

    model = build_recommender(40, ModelConfig(), generator(1, "weights"))
    adam = torch.optim.Adam(model.parameters())

    def objective(model: Any, batch: Any, stream: Any) -> dict[str, torch.Tensor]:
        return {"main": Watch.apply(model.items.weight).sum()}

    take_step(model, adam, objective, None, generator(1, "draws"), "tf32")  # type: ignore[arg-type]
    assert seen == ["high", "high"]
