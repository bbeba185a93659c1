"""What every registered backbone keeps: these tests run by themselves on each entry."""

import pytest
import torch

from basrec.backbones import BACKBONES, build_backbone
from basrec.config import ModelConfig
from basrec.errors import InputError
from basrec.model import Recommender
from basrec.precision import autocast_of
from basrec.prepared import Prepared
from basrec.ranking import encode_last
from basrec.split import examples_of
from tests.basrec.backbones.entries import (
    ENTRIES,
    LENGTH,
    LENGTHS,
    SIZE,
    SLOTS,
    differ,
    draw,
    looks_ahead,
    make,
    pad,
    padding_is_seen,
    unpad,
    vectors,
)

every_entry = pytest.mark.parametrize("entry", ENTRIES)


def check_claims(model: Recommender) -> None:
    """Hold what a backbone says of itself against what it does."""
    assert looks_ahead(model) == (not model.backbone.causal)
    assert padding_is_seen(model) == model.backbone.sees_padding


@every_entry
def test_shape_is_kept(entry: str) -> None:
    assert make(entry).backbone(vectors(), LENGTHS).shape == (LENGTH, SIZE)


@every_entry
def test_a_backbone_sees_what_it_says_and_no_more(entry: str) -> None:
    check_claims(make(entry))


@pytest.mark.parametrize("flag", ["causal", "sees_padding"])
@every_entry
def test_a_false_claim_is_caught(entry: str, flag: str) -> None:
    model = make(entry)
    setattr(model.backbone, flag, not getattr(model.backbone, flag))
    with pytest.raises(AssertionError):
        check_claims(model)


@every_entry
def test_sequences_do_not_see_each_other_and_order_is_kept(entry: str) -> None:
    backbone, inputs = make(entry).backbone, vectors()
    together = backbone(inputs, LENGTHS)
    parts = [backbone(part, torch.tensor([len(part)])) for part in inputs.split(LENGTHS.tolist())]
    torch.testing.assert_close(torch.cat(parts), together, rtol=0, atol=1e-12)


@every_entry
def test_left_padding_changes_nothing_at_real_positions(entry: str) -> None:
    backbone, inputs = make(entry).backbone, vectors()
    outputs = backbone.encode_padded(pad(inputs, LENGTHS), LENGTHS)
    expected = backbone(inputs, LENGTHS)
    torch.testing.assert_close(unpad(outputs, LENGTHS), expected, rtol=0, atol=1e-10)


@every_entry
def test_a_sequence_of_padding_alone_is_encoded_and_touches_no_other(entry: str) -> None:
    backbone, inputs = make(entry).backbone, vectors()
    nothing = backbone.encode_padded(torch.zeros(1, SLOTS, SIZE).double(), torch.tensor([0]))
    assert nothing.shape == (1, SLOTS, SIZE)
    assert bool(nothing.isfinite().all())
    lengths = torch.cat([torch.tensor([0]), LENGTHS])
    outputs = backbone.encode_padded(pad(inputs, lengths), lengths)
    torch.testing.assert_close(outputs[:1], nothing, rtol=0, atol=1e-12)
    expected = backbone(inputs, LENGTHS)
    torch.testing.assert_close(unpad(outputs[1:], LENGTHS), expected, rtol=0, atol=1e-10)


@every_entry
def test_one_item_sequences_are_encoded(entry: str) -> None:
    backbone, inputs = make(entry).backbone, draw(5, SIZE)
    ones = torch.ones(5, dtype=torch.int64)
    outputs = backbone(inputs, ones)
    assert bool(outputs.isfinite().all())
    torch.testing.assert_close(
        backbone.encode_padded(pad(inputs, ones), ones)[:, -1], outputs, rtol=0, atol=1e-10
    )
    assert differ(outputs[0], outputs[1])


@every_entry
def test_rows_that_do_not_fit_are_refused(entry: str) -> None:
    backbone = make(entry).backbone
    with pytest.raises(ValueError, match=f"one exceeds {SLOTS}"):
        backbone(draw(SLOTS + 1, SIZE), torch.tensor([SLOTS + 1]))
    with pytest.raises(ValueError, match="do not fit the lengths"):
        backbone(draw(5, SIZE), torch.tensor([2, 2]))
    with pytest.raises(ValueError, match=f"13 slots, but max_length = {SLOTS}"):
        backbone.encode_padded(draw(1, SLOTS + 1, SIZE), torch.tensor([3]))


@every_entry
def test_longer_inputs_are_cut_to_their_last_items(entry: str, prepared: Prepared) -> None:
    model = make(entry, max_length=6)
    model.items = torch.nn.Embedding(prepared.num_items + 2, SIZE).double()
    examples = examples_of(prepared, "test")
    assert int(examples.length.max()) > 6
    found = encode_last(model, prepared, examples)
    for row in (0, 7, 31):
        end = int(examples.start[row] + examples.length[row])
        items = prepared.items[max(end - 6, int(examples.start[row])) : end]
        alone = model(items, torch.tensor([len(items)]))[-1]
        torch.testing.assert_close(found[row], alone, rtol=0, atol=1e-10)


@every_entry
def test_the_gradient_reaches_mixed_vectors_and_every_weight(entry: str) -> None:
    model = make(entry)
    one, other = vectors().requires_grad_(), draw(LENGTH, SIZE, seed=4).requires_grad_()
    mix = draw(LENGTH, 1, seed=5).sigmoid()
    outputs = model.backbone(torch.lerp(one, other, mix), LENGTHS)
    (outputs * draw(LENGTH, SIZE, seed=6)).sum().backward()
    for slope in (one.grad, other.grad):
        assert slope is not None
        assert bool((slope.abs().sum(1) > 0).all())
    for name, weight in model.backbone.named_parameters():
        assert weight.grad is not None, name
        assert bool((weight.grad != 0).any()), name


@every_entry
def test_the_same_seed_gives_the_same_output_and_another_does_not(entry: str) -> None:
    outputs = [make(entry, seed=seed).backbone(vectors(), LENGTHS) for seed in (1, 1, 2)]
    assert torch.equal(outputs[0], outputs[1])
    assert differ(outputs[0], outputs[2])
    model = make(entry, dropout=0.5).train()
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(model.backbone(vectors(), LENGTHS))
    assert torch.equal(drawn[0], drawn[1])
    assert differ(drawn[0], drawn[2])


@every_entry
def test_dropout_acts_in_training_only(entry: str) -> None:
    model = make(entry, dropout=0.5).eval()
    for encode, inputs in (
        (model.backbone, vectors()),
        (model.backbone.encode_padded, pad(vectors(), LENGTHS)),
    ):
        model.eval()
        assert torch.equal(encode(inputs, LENGTHS), encode(inputs, LENGTHS))
        model.train()
        assert differ(encode(inputs, LENGTHS), encode(inputs, LENGTHS))


@every_entry
def test_outputs_keep_their_precision_where_products_have_less(entry: str) -> None:
    backbone, inputs = make(entry).float().backbone, vectors().float().requires_grad_()
    exact = backbone(inputs, LENGTHS)
    with autocast_of("bf16", torch.device("cpu")):
        outputs = backbone(inputs, LENGTHS)
        padded = backbone.encode_padded(pad(inputs, LENGTHS), LENGTHS)
    assert outputs.dtype == padded.dtype == torch.float32
    assert 0 < float((outputs - exact).detach().abs().max()) < 0.5
    outputs.sum().backward()


CHANGES = {
    "sasrec": {"layers": 1, "heads": 4, "inner_size": 9, "attention_dropout": 0.5},
    "gru4rec": {"layers": 2, "hidden_size": 5},
    "nextitnet": {"kernel_size": 2, "dilations": (1, 2)},
    "fmlp": {"layers": 1, "inner_size": 9, "filter": "causal", "padding": "encode"},
}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (name, key)
        for name in sorted(BACKBONES)
        for key in type(getattr(ModelConfig(), name)).model_fields
    ],
)
def test_every_option_of_its_own_changes_the_output(name: str, key: str) -> None:
    outputs = []
    for own in ({}, {key: CHANGES[name][key]}):
        model = make(name, **{name: {"attention_dropout": 0.0} | own if name == "sasrec" else own})
        model.train()
        outputs.append(model.backbone(vectors(), LENGTHS))
    assert differ(*outputs)


def test_an_unknown_backbone_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'sasrek' is not known; known: .*sasrec"):
        build_backbone(ModelConfig(backbone="sasrek"))
