"""GRU4Rec against the equations of a GRU, step by step, and its initial weights."""

import pytest
import torch

from basrec.backbones.gru4rec import plan_steps
from tests.basrec.backbones.entries import LENGTHS, draw, make, vectors


def test_it_is_a_gru_without_biases_and_a_linear_layer() -> None:
    # Cho et al. 2014 in torch's form: h' = (1 - z) n + z h, reset gate within the candidate.
    backbone, inputs = make("gru4rec").backbone, draw(6, 8)
    weight_in, weight_state = backbone.gru.weight_ih_l0, backbone.gru.weight_hh_l0
    assert weight_in.shape == (3 * 128, 8)
    state, outputs = torch.zeros(128).double(), []
    for vector in inputs:
        reset_in, update_in, new_in = (weight_in @ vector).chunk(3)
        reset_state, update_state, new_state = (weight_state @ state).chunk(3)
        reset, update = (reset_in + reset_state).sigmoid(), (update_in + update_state).sigmoid()
        state = (1 - update) * (new_in + reset * new_state).tanh() + update * state
        outputs.append(backbone.out.weight @ state + backbone.out.bias)
    found = backbone(inputs, torch.tensor([6]))
    torch.testing.assert_close(found, torch.stack(outputs), rtol=0, atol=1e-12)


def torchs_own(backbone: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Encode packed vectors with PyTorch's own walk over their steps."""
    parts = list(inputs.split(LENGTHS.tolist()))
    packed = torch.nn.utils.rnn.pack_sequence(parts, enforce_sorted=False)
    states = torch.nn.utils.rnn.unpack_sequence(backbone.gru(packed)[0])
    return backbone.out(torch.cat(states))


def test_packed_steps_are_torchs_own() -> None:
    backbone, inputs = make("gru4rec").backbone, vectors()
    expected = torchs_own(backbone, inputs)
    torch.testing.assert_close(backbone(inputs, LENGTHS), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layers", [1, 3])
def test_gradients_are_those_of_torchs_own(layers: int) -> None:
    backbone = make("gru4rec", gru4rec={"layers": layers, "hidden_size": 5}).backbone
    told = []
    for own in (True, False):
        backbone.zero_grad()
        inputs = vectors().requires_grad_()
        outputs = backbone(inputs, LENGTHS) if own else torchs_own(backbone, inputs)
        outputs.square().sum().backward()
        told.append([outputs, inputs.grad, *(one.grad for one in backbone.parameters())])
    for one, other in zip(*told, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_no_step_works_on_padding() -> None:
    place, sizes = plan_steps(torch.tensor([1, 3, 2]))
    assert sizes.tolist() == [3, 2, 1]
    # Sequences by length: 1 (3 items), 2, 0.
    assert place.tolist() == [2, 0, 3, 5, 1, 4]


def test_padded_slots_hold_the_bias() -> None:
    backbone = make("gru4rec").backbone
    with torch.no_grad():
        backbone.out.bias.copy_(draw(8))
    outputs = backbone.encode_padded(draw(1, 12, 8), torch.tensor([2]))
    assert torch.equal(outputs[0, :10], backbone.out.bias.expand(10, 8))


def test_weights_are_drawn_by_xaviers_rule() -> None:
    model = make("gru4rec", initializer_range=1e-3)
    assert float(model.items.weight.detach().abs().max()) < 1e-2
    for matrix in (*model.backbone.gru.parameters(), model.backbone.out.weight):
        limit = (6 / sum(matrix.shape)) ** 0.5
        assert 0.9 * limit < float(matrix.detach().abs().max()) <= limit
    assert float(model.backbone.out.bias.detach().abs().max()) == 0
