"""The packed objectives against a plain padded implementation, on the same random numbers.

The plain one follows the paper's equations on (B, L, D) tensors with loops over copies and mixes.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from basrec.augmentation.basrec import basrec_objective
from basrec.augmentation.cross_sequence import draw_partners, mix_with_partners
from basrec.augmentation.operators import Catalogue
from basrec.augmentation.single_sequence import edit_copies
from basrec.batches import Aim, Batch, draw_batches
from basrec.config import AugmentationConfig, ModelConfig, TrainSection
from basrec.kernels import Kernels, choose_kernels
from basrec.model import Recommender, build_recommender
from basrec.negatives import build_sampler
from basrec.objectives import main_objective
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.rivals import Contest
from basrec.rng import generator
from basrec.split import examples_of, prefixes_of

SLOTS = 9


def make_model(num_items: int, kernels: Kernels | None = None) -> Recommender:
    config = ModelConfig(
        embedding_size=8,
        max_length=SLOTS,
        dropout=0.0,
        sasrec={"attention_dropout": 0.0},
        initializer_range=0.3,
    )
    return build_recommender(num_items, config, generator(1, "weights"), kernels).double()


def make_batch(prepared: Prepared, negatives: int = 1, aim: Aim = "every") -> Batch:
    examples = examples_of(prepared, "train")
    examples = prefixes_of(examples) if aim == "last" else examples
    sampler = build_sampler(prepared, "any", False, torch.device("cpu"))
    streams = generator(1, "shuffle"), generator(1, "draws")
    told = draw_batches(prepared, examples, sampler, 16, negatives, SLOTS, *streams, aim)
    return next(iter(told))


def make_contest(prepared: Prepared, **options: Any) -> Contest:
    sampler = build_sampler(prepared, "any", False, torch.device("cpu"))
    return Contest.of(TrainSection(**options), prepared, sampler)


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
    up, down = (model.items(pad(ids, lengths)) for ids in (batch.targets, batch.negatives[0]))
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
        who = partners.partner[number]
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
    fast = basrec_objective(prepared, config, make_contest(prepared))(
        model, batch, generator(9, "draws")
    )
    torch.stack(list(fast.values())).sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    plain = plain_objective(model, batch, prepared, config)
    torch.stack(list(plain.values())).sum().backward()
    for name, value in plain.items():
        assert abs(float(value) - float(fast[name])) < 1e-10, name
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "change",
    [{"pairs": 0}, {"mixes": 0}, {"mixup": "linear"}, {"weight": "one"}, {"weight": "batch_sum"}],
)
@pytest.mark.parametrize("partner_padding", ["encode", "shared"])
def test_every_ablation_equals_the_plain_padded_one(
    prepared: Prepared, partner_padding: str, change: dict[str, Any]
) -> None:
    config = AugmentationConfig(partner_padding=partner_padding).model_copy(update=change)
    model, batch = make_model(prepared.num_items), make_batch(prepared)
    objective = basrec_objective(prepared, config, make_contest(prepared))
    fast = objective(model, batch, generator(9, "draws"))
    plain = plain_objective(model, batch, prepared, config)
    left_out = {"pairs": "single_sequence", "mixes": "cross_sequence"}
    for key in change:
        plain.pop(left_out.get(key, ""), None)
    assert set(plain) == set(fast)
    for name, value in plain.items():
        assert float(fast[name]) == pytest.approx(float(value), abs=1e-10), name


def test_linear_mixup_has_one_weight_a_sequence(prepared: Prepared) -> None:
    batch, config = make_batch(prepared), AugmentationConfig(mixup="linear", mixes=2)
    partners = draw_partners(batch.layout, config, 8, generator(5, "draws"), torch.float64)
    assert partners.feature_wise.std(2).max() == 0
    for part in partners.item_wise.split(batch.layout.lengths.tolist(), dim=1):
        assert part.std(1, correction=0).max() == 0
    assert partners.item_wise.std() > 0


@pytest.mark.parametrize("partner_padding", ["encode", "shared", "zero", "skip"])
def test_prefixes_are_read_at_their_last_position_alone(
    prepared: Prepared, partner_padding: str
) -> None:
    config = AugmentationConfig(pairs=1, mixes=1, weight="log", partner_padding=partner_padding)
    model, batch = make_model(prepared.num_items), make_batch(prepared, aim="last")
    objective = basrec_objective(prepared, config, make_contest(prepared))
    fast = objective(model, batch, generator(9, "draws"))
    stream = generator(9, "draws")
    catalogue = Catalogue.of(prepared, config)
    copies = edit_copies(prepared, batch, catalogue, config, stream, torch.float64)
    aimed = Packed.of(torch.ones(len(batch.whole), dtype=torch.int64))
    partners = draw_partners(aimed, config, 8, stream, torch.float64)
    table, main, single, cross = model.items.weight, [], [], []
    ends, outputs = batch.layout.last.tolist(), []
    for number, (begin, end) in enumerate(zip(batch.layout.offsets.tolist(), ends, strict=True)):
        own = slice(begin, end + 1)
        length = torch.tensor([end + 1 - begin])
        outputs.append(model.backbone(table[batch.items[own]], length)[-1])
        pair = table[batch.targets[number]], table[batch.negatives[0, number]]
        one = torch.ones((), dtype=torch.float64)
        main.append(plain_loss(outputs[-1], *pair, one))
        for copy in range(2):
            there = slice(copy * len(batch.items) + begin, copy * len(batch.items) + end + 1)
            mix = copies.mix[copy, own]
            vectors = mix * table[batch.items[own]] + (1 - mix) * table[copies.items[there]]
            output = model.backbone(vectors, length)[-1]
            single.append(plain_loss(output, *pair, copies.weight[copy, number]))
    for number in range(len(batch.whole)):
        for mix in range(2):
            other = int(partners.partner[mix, number])
            weight = partners.item_wise[0, number] if mix == 0 else partners.feature_wise[0, number]
            mixed = [
                weight * values[number] + (1 - weight) * values[other]
                for values in (outputs, table[batch.targets], table[batch.negatives[0]])
            ]
            cross.append(plain_loss(*mixed, torch.ones((), dtype=torch.float64)))
    count = len(batch.whole)
    for name, values in (("main", main), ("single_sequence", single), ("cross_sequence", cross)):
        expected = float(torch.stack(values).sum()) / count
        assert float(fast[name]) == pytest.approx(expected, abs=1e-10), name


@pytest.mark.parametrize("partner_padding", ["encode", "shared", "zero", "skip"])
def test_compiled_stage2_equals_the_other_way(prepared: Prepared, partner_padding: str) -> None:
    kernels = choose_kernels("auto", torch.device("cpu"))
    if kernels is None:
        pytest.skip("no C++ compiler")
    config = AugmentationConfig(pairs=2, mixes=3, partner_padding=partner_padding)
    contest, told = make_contest(prepared), []
    for way in (kernels, None):
        model = make_model(prepared.num_items, way).float()
        objective = basrec_objective(prepared, config, contest)
        losses = objective(model, make_batch(prepared), generator(9, "draws"))
        torch.stack(list(losses.values())).sum().backward()
        told.append([*losses.values(), *(parameter.grad for parameter in model.parameters())])
    for one, other in zip(*told, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_main_objective_equals_the_plain_padded_one(prepared: Prepared) -> None:
    model, batch = make_model(prepared.num_items), make_batch(prepared)
    plain = plain_objective(model, batch, prepared, AugmentationConfig())["main"]
    fast = main_objective(make_contest(prepared))(model, batch, generator(1, "draws"))["main"]
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
        {"weight": "one"},
        {"pairs": 0},
        {"mixes": 0},
        {"mixup": "linear"},
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
        objective = basrec_objective(lonely, config, make_contest(lonely))
        values = objective(model, batch, generator(9, "draws"))
        return sum(float(value) for value in values.values())

    default = AugmentationConfig()
    assert loss(default) != loss(default.model_copy(update=change))


@pytest.mark.parametrize("loss", ["bce", "gbce", "bpr", "sampled_softmax", "ce"])
@pytest.mark.parametrize("source", ["own", "shared", "batch"])
def test_every_loss_equals_the_plain_one_position_by_position(
    prepared: Prepared, loss: str, source: str
) -> None:
    if loss == "ce" and source != "own":
        pytest.skip("ce takes all items")
    count = 3 if source != "batch" and loss != "ce" else 1
    options = {"loss": loss, "negatives_from": source, "negative_count": count}
    contest = make_contest(prepared, **options)
    model, batch = make_model(prepared.num_items), make_batch(prepared, count)
    rivals = contest.rivals(batch, generator(3, "draws"))
    told = main_objective(contest)(model, batch, generator(3, "draws"))["main"]
    outputs = model(batch.items, batch.layout.lengths).detach()
    table = model.items.weight.detach()
    expected = []
    for place, output in enumerate(outputs):
        target = int(batch.targets[place])
        up = float(output @ table[target])
        if loss == "ce":
            against = list(range(1, prepared.num_items + 1))
        elif source == "own":
            against = rivals.items[:, place].tolist()
        else:
            against = [item for item in rivals.items.tolist() if item != target]
        down = [float(output @ table[item]) for item in against]
        if loss == "sampled_softmax":
            takes = rivals.correction
            if source == "batch":
                taken = dict(zip(rivals.items.tolist(), takes.tolist(), strict=True))
                down = [score - taken[item] for score, item in zip(down, against, strict=True)]
            else:
                down = [score - takes for score in down]
        expected.append(plain_value(loss, up, down, prepared.num_items))
    assert float(told) == pytest.approx(sum(expected) / len(expected), abs=1e-10)


def plain_value(loss: str, up: float, down: list[float], items: int) -> float:
    sigmoid = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    if loss == "bce":
        return -math.log(sigmoid(up)) - sum(math.log(1 - sigmoid(x)) for x in down) / len(down)
    if loss == "gbce":
        rate = len(down) / (items - 1)
        power = rate * (0.75 * (1 - 1 / rate) + 1 / rate)
        whole = -power * math.log(sigmoid(up)) - sum(math.log(1 - sigmoid(x)) for x in down)
        return whole / (len(down) + 1)
    if loss == "bpr":
        return -sum(math.log(sigmoid(up - x)) for x in down) / max(len(down), 1)
    if loss == "sampled_softmax":
        return math.log(math.exp(up) + sum(map(math.exp, down))) - up
    return math.log(sum(map(math.exp, down))) - up


@pytest.mark.parametrize("loss", ["gbce", "bpr", "sampled_softmax", "ce"])
@pytest.mark.parametrize("source", ["own", "shared", "batch"])
def test_stage_2_takes_every_loss(prepared: Prepared, loss: str, source: str) -> None:
    if loss == "ce" and source != "own":
        pytest.skip("ce takes all items")
    contest = make_contest(prepared, loss=loss, negatives_from=source)
    model, batch = make_model(prepared.num_items), make_batch(prepared)
    objective = basrec_objective(prepared, AugmentationConfig(), contest)
    told = objective(model, batch, generator(3, "draws"))
    torch.stack(list(told.values())).sum().backward()
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in model.parameters())
    assert min(float(value) for value in told.values()) > 0


def test_mixed_targets_under_full_softmax_are_the_two_losses_weighted(prepared: Prepared) -> None:
    contest = make_contest(prepared, loss="ce")
    model, batch = make_model(prepared.num_items), make_batch(prepared)
    config = AugmentationConfig(mixes=1, partner_padding="skip")
    partners = draw_partners(batch.layout, config, 8, generator(5, "draws"), torch.float64)
    outputs = model(batch.items, batch.layout.lengths)
    table, catalogue = model.items.weight, model.candidates()
    mixed = mix_with_partners(outputs, None, partners)[0]
    up = (mixed * mix_with_partners(table[batch.targets], None, partners)[0]).sum(-1)
    loss = contest.loss(up, (mixed @ catalogue.T))
    logs = (mixed @ catalogue.T).log_softmax(-1)
    for place in (partners.index[0] >= 0).nonzero().squeeze(1).tolist()[:10]:
        weight = partners.item_wise[0, place]
        own, other = batch.targets[place], batch.targets[partners.index[0, place]]
        both = weight * logs[place, own - 1] + (1 - weight) * logs[place, other - 1]
        assert float(loss[place]) == pytest.approx(-float(both))


def test_full_softmax_trains_every_item_but_not_the_padding(prepared: Prepared) -> None:
    for extra_ids in (False, True):
        config = ModelConfig(embedding_size=8, max_length=SLOTS, extra_ids=extra_ids)
        model = build_recommender(prepared.num_items, config, generator(1, "weights")).double()
        contest = make_contest(prepared, loss="ce")
        told = main_objective(contest)(model, make_batch(prepared), generator(3, "draws"))
        told["main"].backward()
        moved = model.items.weight.grad.abs().sum(1) > 0
        assert moved.tolist() == [False, *[True] * prepared.num_items, extra_ids]
