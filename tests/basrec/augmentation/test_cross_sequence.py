"""Mixes of two users' sequences: their weights, and what becomes of their targets."""

import pytest
import torch

from basrec.augmentation.cross_sequence import draw_partners, mix_with_partners
from basrec.config import AugmentationConfig
from basrec.prepared import Prepared
from basrec.rng import generator
from tests.basrec.plain_objectives import make_batch, make_contest, make_model


def test_linear_mixup_has_one_weight_a_sequence(prepared: Prepared) -> None:
    batch, config = make_batch(prepared), AugmentationConfig(mixup="linear", mixes=2)
    partners = draw_partners(batch.layout, config, 8, generator(5, "draws"), torch.float64)
    assert partners.feature_wise.std(2).max() == 0
    for part in partners.item_wise.split(batch.layout.lengths.tolist(), dim=1):
        assert part.std(1, correction=0).max() == 0
    assert partners.item_wise.std() > 0


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
