"""Both stages on padded tensors, by the paper's equations, in loops over copies and mixes."""

from typing import Any

import torch
from torch import Tensor

from basrec.augmentation.cross_sequence import draw_partners
from basrec.augmentation.operators import Catalogue
from basrec.augmentation.single_sequence import edit_copies
from basrec.batches import Aim, Batch, draw_batches
from basrec.config import AugmentationConfig, ModelConfig, TrainSection
from basrec.kernels import Kernels
from basrec.model import Recommender, build_recommender
from basrec.negatives import build_sampler
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
