"""NextItNet against torch's own convolution with zeros on the left, on one sequence."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from basrec.backbones.nextitnet import Convolution, look_back
from tests.basrec.backbones.entries import draw, make


def convolved(part: Convolution, x: Tensor) -> Tensor:
    """Convolve (L, D) by conv1d, whose last tap is the present."""
    size, taps = x.shape[1], part.taps
    weight = part.mix.weight.view(size, taps, size).transpose(1, 2).flip(2)  # (out, in, taps)
    left = functional.pad(x.T, ((taps - 1) * part.dilation, 0))
    y = functional.conv1d(left.unsqueeze(0), weight, part.mix.bias, dilation=part.dilation)
    return functional.relu(functional.layer_norm(y[0].T, (size,), eps=1e-8))


@pytest.mark.parametrize("entry", ["nextitnet", "nextitnet, wide"])
@pytest.mark.parametrize("length", [1, 5, 12])
def test_it_is_a_stack_of_residual_convolutions(entry: str, length: int) -> None:
    backbone, inputs = make(entry).backbone, draw(length, 8)
    x = inputs
    for block in backbone.blocks:
        assert block.second.dilation == 2 * block.first.dilation
        x = x + convolved(block.second, convolved(block.first, x))
    expected = backbone.out(x)
    found = backbone(inputs, torch.tensor([length]))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_padded_slots_hold_the_output_for_no_past() -> None:
    backbone = make("nextitnet").backbone
    with torch.no_grad():
        for name, bias in backbone.named_parameters():
            if name.endswith("bias"):
                bias.copy_(draw(*bias.shape))
    padded = draw(1, 12, 8)
    some = backbone.encode_padded(padded, torch.tensor([2]))
    none = backbone.encode_padded(padded, torch.tensor([0]))
    torch.testing.assert_close(some[0, :10], none[0, :1].expand(10, 8), rtol=0, atol=1e-12)


def test_the_defaults_see_further_back_than_the_longest_input() -> None:
    config = make("nextitnet").config.nextitnet
    reach = sum((config.kernel_size - 1) * 3 * dilation for dilation in config.dilations)
    assert reach == 2 * 3 * (1 + 4 + 1 + 4) == 60 > 50


@pytest.mark.parametrize("dilation", [1, 2, 9])
def test_the_gradient_of_looking_back_is_that_of_differences(dilation: int) -> None:
    position = torch.tensor([-1, -1, 0, 1, 2, 3, 0, 0, 1])  # two padded slots, three sequences
    vectors = draw(9, 2).requires_grad_()
    assert torch.autograd.gradcheck(look_back, (vectors, position, 3, dilation))


def test_a_tap_is_the_row_before_in_the_same_sequence_or_zero() -> None:
    rows = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
    seen = look_back(rows, torch.tensor([0, 1, 2, 0, 1]), 3, 1)
    assert seen.tolist() == [[1, 0, 0], [2, 1, 0], [3, 2, 1], [4, 0, 0], [5, 4, 0]]
    assert look_back(rows, torch.tensor([0, 1, 2, 3, 4]), 2, 7)[:, 1].tolist() == [0.0] * 5


def test_no_rows_have_no_taps_and_no_slope() -> None:
    none = torch.zeros(0, 2, requires_grad=True)
    seen = look_back(none, torch.zeros(0, dtype=torch.long), 3, 4)
    seen.sum().backward()
    assert seen.shape == (0, 6) and none.grad is not None and none.grad.shape == (0, 2)
