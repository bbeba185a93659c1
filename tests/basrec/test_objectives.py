"""The packed objectives against a plain padded implementation, on the same random numbers.

The plain one follows the paper's equations on (B, L, D) tensors with loops over copies and mixes.
"""

import pytest
import torch
from torch import Tensor

from basrec.augmentation.cross_sequence import draw_partners
from basrec.augmentation.operators import Catalogue
from basrec.augmentation.single_sequence import edit_copies
from basrec.batches import Batch, draw_batches
from basrec.config import AugmentationConfig, ModelConfig
from basrec.model import Recommender, build_recommender
from basrec.negatives import build_sampler
from basrec.objectives import basrec_objective, main_objective
from basrec.prepared import Prepared
from basrec.rng import generator
from basrec.split import examples_of

SLOTS = 9


def make_model(num_items: int) -> Recommender:
    config = ModelConfig(
        embedding_size=8,
        max_length=SLOTS,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.3,
    )
    return build_recommender(num_items, config, generator(1, "weights")).double()


def make_batch(prepared: Prepared) -> Batch:
    examples = examples_of(prepared, "train")
    sampler = build_sampler(prepared, "any", False, torch.device("cpu"))
    streams = generator(1, "shuffle"), generator(1, "draws")
    return next(iter(draw_batches(prepared, examples, sampler, 16, SLOTS, *streams)))


def pad(values: Tensor, lengths: Tensor) -> Tensor:
    out = values.new_zeros(len(lengths), SLOTS, *values.shape[1:])
    for row, part in enumerate(values.split(lengths.tolist())):
        out[row, SLOTS - len(part) :] = part
    return out


def plain_loss(h: Tensor, up: Tensor, down: Tensor, weight: Tensor) -> Tensor:
    positive = -torch.log(torch.sigmoid((h * up).sum(-1)))
    negative = -torch.log(1 - torch.sigmoid((h * down).sum(-1)))
    return ((positive + negative) * weight).sum()


def plain_objective(
    model: Recommender, batch: Batch, prepared: Prepared, config: AugmentationConfig
) -> dict[str, Tensor]:
    """Stage 2 on padded tensors, drawing in the same order as the packed one."""
    stream = generator(9, "draws")
    lengths, count = batch.layout.lengths, len(batch.items)
    catalogue = Catalogue(
        prepared.neighbour,
        prepared.num_items,
        config.substitute_at_least,
        config.without_neighbour == "random",
    )
    copies = edit_copies(prepared, batch, catalogue, config, stream, torch.float64)
    real = pad(torch.ones(count, dtype=torch.float64), lengths)
    up, down = (model.items(pad(ids, lengths)) for ids in (batch.targets, batch.negatives))
    original = model.items(pad(batch.items, lengths))
    h = model.backbone.encode_padded(original, lengths)
    total = {"main": plain_loss(h, up, down, real) / count}
    single = torch.zeros((), dtype=torch.float64)
    for number in range(2 * config.pairs):
        part = slice(number * count, (number + 1) * count)
        mix = pad(copies.mix[number], lengths)
        edited = model.items(pad(copies.items[part], lengths))
        vectors = mix * original + (1 - mix) * edited
        outputs = model.backbone.encode_padded(vectors, lengths)
        weight = pad(copies.weight[number], lengths)
        single = single + plain_loss(outputs, up, down, weight * real) / count
    total["single_sequence"] = single
    partners = draw_partners(batch.layout, config, 8, stream, torch.float64)
    nothing = model.backbone.encode_padded(
        torch.zeros(1, SLOTS, 8, dtype=torch.float64), torch.zeros(1).long()
    )
    cross = torch.zeros((), dtype=torch.float64)
    for number in range(2 * config.mixes):
        who = partners.sequence[number][batch.layout.offsets]
        if number < config.mixes:
            mix = pad(partners.item_wise[number], lengths).unsqueeze(-1)
        else:
            mix = partners.feature_wise[number - config.mixes].unsqueeze(1)
        met = real[who].unsqueeze(-1)
        partner_h = {
            "encode": h[who],
            "shared": met * h[who] + (1 - met) * nothing,
            "zero": met * h[who],
            "skip": h[who],
        }[config.partner_padding]
        mixed = [
            mix * own + (1 - mix) * other
            for own, other in ((h, partner_h), (up, met * up[who]), (down, met * down[who]))
        ]
        counted = real * real[who] if config.partner_padding == "skip" else real
        cross = cross + plain_loss(*mixed, counted) / counted.sum()
    total["cross_sequence"] = cross
    return total


@pytest.mark.parametrize("partner_padding", ["encode", "shared", "zero", "skip"])
@pytest.mark.parametrize("edit", ["window", "whole"])
def test_packed_stage2_equals_the_plain_padded_one(
    prepared: Prepared, partner_padding: str, edit: str
) -> None:
    config = AugmentationConfig(
        pairs=2, mixes=2, partner_padding=partner_padding, edit=edit, choice="random", weight="log"
    )
    model, batch = make_model(prepared.num_items), make_batch(prepared)
    fast = basrec_objective(prepared, config)(model, batch, generator(9, "draws"))
    torch.stack(list(fast.values())).sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    plain = plain_objective(model, batch, prepared, config)
    torch.stack(list(plain.values())).sum().backward()
    for name, value in plain.items():
        assert abs(float(value) - float(fast[name])) < 1e-10, name
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-10)


def test_main_objective_equals_the_plain_padded_one(prepared: Prepared) -> None:
    model, batch = make_model(prepared.num_items), make_batch(prepared)
    plain = plain_objective(model, batch, prepared, AugmentationConfig())["main"]
    fast = main_objective(model, batch, generator(1, "draws"))["main"]
    assert abs(float(plain) - float(fast)) < 1e-10


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 0.9},
        {"rate": (0.5, 0.9)},
        {"pairs": 3},
        {"mixes": 3},
        {"operators": ("reorder",)},
        {"choice": "random"},
        {"substitute_at_least": 5},
        {"edit": "whole"},
        {"without_neighbour": "random"},
        {"weight": "batch_sum"},
        {"weight": "log"},
        {"partner_padding": "encode"},
        {"partner_padding": "zero"},
        {"partner_padding": "skip"},
    ],
)
def test_every_option_changes_the_loss(prepared: Prepared, change: dict[str, object]) -> None:
    model, batch = make_model(prepared.num_items), make_batch(prepared)
    lonely = Prepared(
        prepared.items, prepared.offsets, prepared.neighbour.clone(), prepared.num_items, {}
    )
    lonely.neighbour[::2] = 0

    def loss(config: AugmentationConfig) -> float:
        values = basrec_objective(lonely, config)(model, batch, generator(9, "draws"))
        return sum(float(value) for value in values.values())

    default = AugmentationConfig()
    assert loss(default) != loss(default.model_copy(update=change))
