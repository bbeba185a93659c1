"""What is watched after an epoch, and that watching changes nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cosine_similarity

from basrec import plans
from basrec.augmentation import Augmenter, build_augmenter
from basrec.config import TrainConfig
from basrec.files import digest_file
from basrec.model import Recommender, build_recommender
from basrec.negatives import build_sampler
from basrec.prepared import Prepared
from basrec.prior import Prior
from basrec.rng import generator
from basrec.run_folder import read_history
from basrec.split import examples_of
from basrec.training import train
from basrec.watching import _fixed_batches, mean_similarity, watch_of


def config(**sections: Any) -> TrainConfig:
    values: dict[str, Any] = {
        "model": {"embedding_size": 8, "max_length": 10},
        "train": {"batch_size": 7, "stage1": {"epochs": 1}, "stage2": {"epochs": 2}},
        "device": "cpu",
    }
    return TrainConfig.model_validate(values | sections)


def model_of(prepared: Prepared, settings: TrainConfig) -> Recommender:
    return build_recommender(prepared.num_items, settings.model, generator(1, "weights"))


def test_the_mean_is_over_all_rows() -> None:
    one = torch.tensor([[1.0, 0.0], [3.0, 4.0], [1.0, 1.0]])
    other = torch.tensor([[2.0, 0.0], [4.0, 3.0], [-1.0, 1.0]])
    told = mean_similarity([(one[:1], other[:1]), (one[1:], other[1:])])
    assert told == pytest.approx((1 + 24 / 25 + 0) / 3)


@pytest.mark.parametrize("options", [{}, {"pairs": 0}, {"mixes": 0}, {"partner_padding": "encode"}])
def test_similarity_is_that_of_a_loop_over_rows(
    prepared: Prepared, options: dict[str, Any]
) -> None:
    settings = config(augmentation=options)
    augmenter, examples = build_augmenter(settings), examples_of(prepared, "train")
    sampler = build_sampler(prepared, "any", False, torch.device("cpu"))
    model = model_of(prepared, settings)
    watch = watch_of(augmenter, settings, prepared, examples, sampler, True)
    assert watch is not None
    told = watch(model)
    assert told == watch(model)
    assert model.training
    draws, rows = generator(settings.seed, "watched"), {kind: [] for kind in told}
    model.eval()
    batches = _fixed_batches(augmenter, settings, prepared, examples, sampler, True)
    assert [len(batch.layout.lengths) for batch in batches] == [7] * 4
    for batch in batches:
        for kind, (one, other) in augmenter.pairs(model, prepared, batch, draws).items():
            for a, b in zip(one, other, strict=True):
                rows[kind].append(cosine_similarity(a, b, dim=0).item())
    expected = {kind: sum(values) / len(values) for kind, values in rows.items()}
    assert told == pytest.approx(expected, abs=1e-6)
    kinds = {"single_sequence": "pairs", "cross_sequence": "mixes"}
    assert set(told) == {kind for kind, key in kinds.items() if options.get(key) != 0}


def test_nothing_is_watched_where_nothing_is_made(prepared: Prepared) -> None:
    sampler = build_sampler(prepared, "any", False, torch.device("cpu"))
    examples = examples_of(prepared, "train")
    assert watch_of(Augmenter(config()), config(), prepared, examples, sampler, True) is None


class Generating(Augmenter):
    has_prior = True


def test_generated_items_are_judged_by_the_last_outputs(prepared: Prepared) -> None:
    counts = torch.arange(60) % 3  # a third of the users have none
    items = torch.arange(int(counts.sum())) % 40 + 1
    made = replace(prepared, prior=Prior.of(items, counts))
    sizes = {"embedding_size": 8, "max_length": 10, "initializer_range": 0.5}
    settings, examples = config(model=sizes), examples_of(prepared, "train")
    sampler = build_sampler(prepared, "any", False, torch.device("cpu"))
    model = model_of(prepared, settings).eval()
    augmenter = Generating(settings)
    watch = watch_of(augmenter, settings, made, examples, sampler, True)
    assert watch is not None
    rows = []
    for batch in _fixed_batches(augmenter, settings, made, examples, sampler, True):
        users = zip(batch.whole.user, batch.whole.start, batch.whole.length, strict=True)
        for user, start, length in users:
            assert counts[user]  # who was given none is not compared
            own = prepared.items[start : start + length][-10:]
            first = int(counts[:user].sum())
            ahead = items[first : first + int(counts[user])]
            both = torch.cat([ahead, own])[-10:]
            one, other = (model(x, torch.tensor([len(x)]))[-1] for x in (own, both))
            rows.append(cosine_similarity(one, other, dim=0).item())
    assert watch(model) == pytest.approx({"generated": sum(rows) / len(rows)}, abs=1e-6)
    assert len(rows) == 28 and min(rows) < 0.999


def test_watching_changes_no_weight_and_is_written_down(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(folder, tmp_path / "watched", config())
    history = read_history(tmp_path / "watched")
    assert "similarity" not in history[0]  # stage 1 makes no samples
    for line in history[1:]:
        assert set(line["similarity"]) == {"single_sequence", "cross_sequence"}
        assert all(-1 <= value <= 1 for value in line["similarity"].values())
    monkeypatch.setattr(plans, "watch_of", lambda *_: None)
    train(folder, tmp_path / "bare", config())
    assert "similarity" not in read_history(tmp_path / "bare")[-1]
    digests = [digest_file(tmp_path / run / "model.safetensors") for run in ("watched", "bare")]
    assert digests[0] == digests[1]
