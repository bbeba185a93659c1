"""FMLP-Rec against torch's own Fourier transform, and what its filter would leak."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from basrec.backbones.filters import Filter, inverse_transform
from tests.basrec.backbones.entries import LENGTHS, draw, make, pad, vectors


def make_filter(slots: int, causal: bool = False) -> Filter:
    made = Filter(slots, 3, causal).double()
    with torch.no_grad():
        made.weight.copy_(draw(*made.weight.shape))
    return made


def filtered(over: Filter, x: Tensor) -> Tensor:
    """Filter (B, L, D) as the authors' code does."""
    weight = torch.view_as_complex(over.weight.contiguous())
    spectrum = torch.fft.rfft(x, dim=1, norm="ortho") * weight
    return torch.fft.irfft(spectrum, n=x.shape[1], dim=1, norm="ortho")


@pytest.mark.parametrize("slots", [1, 2, 3, 11, 12, 50])
def test_the_matrix_is_the_fourier_filter(slots: int) -> None:
    over, x = make_filter(slots), draw(2, slots, 3, seed=5)
    found = torch.einsum("dij,bjd->bid", over.matrix(slots), x)
    torch.testing.assert_close(found, filtered(over, x), rtol=0, atol=1e-12)
    spectrum = torch.view_as_real(torch.fft.rfft(x, dim=1))[0].transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(inverse_transform(slots) @ spectrum, x[0], rtol=0, atol=1e-12)


def test_a_narrow_matrix_is_a_corner_of_the_whole_one() -> None:
    for causal in (False, True):
        over = make_filter(11, causal)
        assert torch.equal(over.matrix(4), over.matrix(11)[:, :4, :4])


def test_a_causal_filter_is_the_lower_triangle() -> None:
    circular, causal = make_filter(12), make_filter(12, causal=True)
    assert torch.equal(causal.matrix(12), circular.matrix(12).tril())


@pytest.mark.parametrize("slots", [11, 12])
def test_padding_encode_is_the_authors_network(slots: int) -> None:
    backbone = make("fmlp, encode", max_length=slots).backbone
    inputs, lengths = draw(9, 8), torch.tensor([2, 7])
    x = torch.zeros(2, slots, 8).double()
    x[0, -2:], x[1, -7:] = inputs[:2], inputs[2:]
    x = functional.layer_norm(x + backbone.positions.weight, (8,), eps=1e-12)
    for block in backbone.blocks:
        y = functional.layer_norm(filtered(block.filter, x) + x, (8,), eps=1e-12)
        part = block.feed_forward
        inner = part.contract(functional.gelu(part.expand(y)))
        x = functional.layer_norm(inner + y, (8,), eps=1e-12)
    expected = torch.cat([x[0, -2:], x[1, -7:]])
    torch.testing.assert_close(backbone(inputs, lengths), expected, rtol=0, atol=1e-10)


def test_padding_mask_takes_padded_slots_for_zero_before_each_filter() -> None:
    backbone = make("fmlp").backbone
    real = pad(torch.ones(int(LENGTHS.sum()), 1).double(), LENGTHS)
    x = functional.layer_norm(pad(vectors(), LENGTHS) + backbone.positions.weight, (8,), eps=1e-12)
    for block in backbone.blocks:
        seen = filtered(block.filter, x * real)
        x = block.feed_forward(functional.layer_norm(seen + x, (8,), eps=1e-12))
    found = backbone.encode_padded(pad(vectors(), LENGTHS), LENGTHS)
    torch.testing.assert_close(found, x, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("entry", "leaks"), [("fmlp", True), ("fmlp, causal", False)])
def test_one_pass_over_all_positions_would_be_told_the_targets(entry: str, leaks: bool) -> None:
    # One sequence 1..12: the loss of its first position, whose target is item 2, must not reach
    # later inputs. Targets have vectors of their own here, so that only inputs are counted.
    model = make(entry)
    inputs = draw(12, 8).requires_grad_()
    targets = draw(12, 8, seed=7)
    output = model.backbone(inputs, torch.tensor([12]))[0]
    functional.softplus(-(output * targets[0]).sum()).backward()
    assert inputs.grad is not None
    assert bool((inputs.grad[1:] != 0).any()) == leaks
