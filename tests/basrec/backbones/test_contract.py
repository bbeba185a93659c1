"""What every registered backbone keeps, and SASRec's packed path against its padded one."""

import pytest
import torch

from basrec.backbones import BACKBONES, build_backbone
from basrec.config import ModelConfig
from basrec.errors import InputError
from basrec.model import Recommender, build_recommender
from basrec.rng import generator

LENGTHS = torch.tensor([1, 7, 3, 12, 2, 12, 5])
LENGTH = int(LENGTHS.sum())


def make(name: str, dropout: float = 0.0) -> Recommender:
    config = ModelConfig(
        backbone=name,
        embedding_size=8,
        max_length=12,
        dropout=dropout,
        sasrec={"attention_dropout": dropout},
        initializer_range=0.3,
    )
    return build_recommender(30, config, generator(1, "weights")).double()


def vectors() -> torch.Tensor:
    stream = torch.Generator().manual_seed(2)
    return torch.randn(LENGTH, 8, generator=stream, dtype=torch.float64)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_shape_is_kept(name: str) -> None:
    assert make(name).backbone(vectors(), LENGTHS).shape == (LENGTH, 8)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_causal_backbone_does_not_look_ahead(name: str) -> None:
    model = make(name)
    if not model.backbone.causal:
        pytest.skip("says that it is not causal")
    inputs = vectors().requires_grad_()
    outputs = model.backbone(inputs, LENGTHS)
    # Position 4 of the second sequence, which is packed at 1..7. A plain sum would vanish
    # behind a layer norm.
    (outputs[5] * torch.arange(8.0)).sum().backward()
    reached = inputs.grad.abs().sum(1) > 0
    assert reached.tolist() == [1 <= place <= 5 for place in range(LENGTH)]


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_sequences_do_not_see_each_other_and_order_is_kept(name: str) -> None:
    backbone, inputs = make(name).backbone, vectors()
    together = backbone(inputs, LENGTHS)
    parts = [backbone(part, torch.tensor([len(part)])) for part in inputs.split(LENGTHS.tolist())]
    torch.testing.assert_close(torch.cat(parts), together, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_left_padding_changes_nothing_at_real_positions(name: str) -> None:
    backbone, inputs = make(name).backbone, vectors()
    padded = torch.zeros(len(LENGTHS), 12, 8, dtype=torch.float64)
    for row, part in enumerate(inputs.split(LENGTHS.tolist())):
        padded[row, 12 - len(part) :] = part
    outputs = backbone.encode_padded(padded, LENGTHS)
    real = torch.cat([outputs[row, 12 - n :] for row, n in enumerate(LENGTHS.tolist())])
    torch.testing.assert_close(real, backbone(inputs, LENGTHS), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_dropout_acts_in_training_only(name: str) -> None:
    model = make(name, dropout=0.5)
    model.eval()
    assert torch.equal(model.backbone(vectors(), LENGTHS), model.backbone(vectors(), LENGTHS))
    model.train()
    assert not torch.equal(model.backbone(vectors(), LENGTHS), model.backbone(vectors(), LENGTHS))


def test_sasrec_pads_as_the_reference_does() -> None:
    # Independent: the additive mask of -10,000 written out, and torch's own softmax.
    model = make("sasrec")
    lengths, slots = torch.tensor([2]), 12
    padded = torch.zeros(1, slots, 8, dtype=torch.float64)
    padded[0, -2:] = vectors()[:2]
    block = model.backbone.blocks[0]
    x = model.backbone.norm(padded[0] + model.backbone.positions.weight)
    query, key, value = block.qkv(x).chunk(3, dim=1)
    allowed = torch.zeros(slots, slots)
    allowed[10, 10] = allowed[11, 10] = allowed[11, 11] = 1
    heads = []
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        scores = query[:, part] @ key[:, part].T / 2 + (1 - allowed.double()) * -10_000
        heads.append(scores.softmax(1) @ value[:, part])
    y = block.attention_norm(block.out(torch.cat(heads, dim=1)) + x)
    part = block.feed_forward
    inner = part.contract(torch.nn.functional.gelu(part.expand(y)))
    expected = part.norm(inner + y)
    model.backbone.blocks = model.backbone.blocks[:1]
    outputs = model.backbone.encode_padded(padded, lengths)[0]
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-10)


def test_an_unknown_backbone_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'sasrek' is not known; known: .*sasrec"):
        build_backbone(ModelConfig(backbone="sasrek"))
