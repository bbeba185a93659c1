"""Stage 2 of BASRec against a plain padded one, on the same random numbers."""

from typing import Any

import pytest
import torch

from basrec.augmentation import build_augmenter
from basrec.augmentation.basrec import basrec_objective
from basrec.augmentation.cross_sequence import draw_partners
from basrec.augmentation.operators import Catalogue
from basrec.augmentation.single_sequence import edit_copies
from basrec.config import AugmentationConfig, TrainConfig
from basrec.kernels import choose_kernels
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.rng import generator
from tests.basrec.plain_objectives import (
    make_batch,
    make_contest,
    make_model,
    plain_loss,
    plain_objective,
)


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


@pytest.mark.parametrize("mixup", ["nonlinear", "linear"])
def test_only_what_is_mixed_is_compared(prepared: Prepared, mixup: str) -> None:
    model, batch = make_model(prepared.num_items), make_batch(prepared)
    lengths, told = batch.layout.lengths, {}
    for padding in ("zero", "skip"):
        values = {"mixes": 2, "mixup": mixup, "partner_padding": padding, "pairs": 0}
        augmenter = build_augmenter(TrainConfig.model_validate({"augmentation": values}))
        pairs = augmenter.pairs(model, prepared, batch, generator(9, "draws"))
        told[padding] = pairs["cross_sequence"]
    drawn = draw_partners(batch.layout, augmenter.options, 8, generator(9, "draws"), torch.float64)
    met = torch.minimum(lengths, lengths[drawn.partner])  # counted from the end, as padding is left
    assert len(told["zero"][0]) == int(lengths.sum()) * len(drawn.partner)
    assert len(told["skip"][0]) == int(met.sum()) < len(told["zero"][0])
    alike = torch.nn.functional.cosine_similarity(*told["zero"])
    without = torch.nn.functional.cosine_similarity(*told["skip"])
    assert int((alike > 1 - 1e-9).sum()) - int((without > 1 - 1e-9).sum()) > 0


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
