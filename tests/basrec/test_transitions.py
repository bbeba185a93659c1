"""Edits and transitions, by hand and by Python sets."""

import itertools
import random

import pytest
import torch

from basrec.augmentation import build_augmenter
from basrec.augmentation.augmenter import Augmenter, Samples
from basrec.batches import Batch, draw_batches
from basrec.config import TrainConfig
from basrec.negatives import build_sampler
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.prior import Prior
from basrec.rng import generator
from basrec.split import examples_of
from basrec.transitions import Known, Tally, kept_positions


def packed(*sequences: list[int]) -> tuple[torch.Tensor, Packed]:
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return torch.tensor([item for sequence in sequences for item in sequence]), Packed.of(lengths)


def data(*sequences: list[int], num_items: int = 9) -> Prepared:
    items, layout = packed(*sequences)
    offsets = torch.cat([layout.offsets, torch.tensor([len(items)])])
    return Prepared(items, offsets, torch.zeros(num_items + 1).long(), num_items, {})


def test_a_tally_counts_what_a_hand_counts() -> None:
    prepared = data([1, 2, 3, 8, 8], [3, 4, 1, 2, 9, 9], num_items=10)  # the last two: held out
    known = Known.of(prepared)
    assert known.facts() == {"transitions": 5, "distinct": 4, "coverage": 4 / 10}
    tally = Tally(known, 10)
    originals = packed([1, 2], [3, 4, 1])
    samples = packed([1, 2], [4, 3, 1], [2, 3], [3, 4, 5])  # two copies of each
    tally.add(*originals, Samples(*samples, torch.tensor([0, 2, 1, 2])))
    assert tally.edits() == {
        "sequences": 4,
        "unchanged": 1 / 4,
        "positions_changed": (0 + 2 + 2 + 1) / 10,
        "mean_asked": 5 / 4,
        "mean_done": 5 / 4,
    }
    # 1-2 | 4-3 3-1 | 2-3 | 3-4 4-5; the data have 1-2, 2-3, 3-4, 4-1
    assert tally.diversity() == {"transitions": 6, "distinct": 6, "new": 3, "coverage": 5 / 10}
    # kept from the original: 1-2 and 3-4; of the four others 2-3 is seen
    assert tally.relevance() == {"seen": 3 / 6, "made": 4 / 6, "seen_of_made": 1 / 4}


def test_samples_of_other_lengths_meet_the_original_at_its_end() -> None:
    items, layout = packed([1, 2, 3], [4, 5])
    samples = Samples(*packed([9, 1, 2, 3], [5], [3], [4, 5]))
    kept = kept_positions(items, layout, samples)
    assert kept.tolist() == [False, True, True, True, True, True, True, True]
    tally = Tally(Known.of(data([1, 2, 3, 4, 5])), 9)
    tally.add(items, layout, samples)
    assert tally.edits()["unchanged"] == 1 / 4  # a shorter or longer one is changed
    assert tally.edits()["mean_asked"] is None


def test_a_mask_token_is_a_change_but_no_item_and_in_no_transition() -> None:
    tally = Tally(Known.of(data([1, 2, 3, 9, 9])), 9)
    tally.add(*packed([1, 2, 3, 4]), Samples(*packed([10, 2, 3, 10])))
    assert tally.edits()["positions_changed"] == 2 / 4
    assert tally.diversity() == {"transitions": 1, "distinct": 1, "new": 0, "coverage": 2 / 9}


def test_a_tally_agrees_with_python_sets() -> None:
    rng = random.Random(5)
    draw = lambda: [[rng.randint(1, 9) for _ in range(rng.randint(1, 7))] for _ in range(20)]  # noqa: E731
    parts = [[*sequence, 1, 1] for sequence in draw()]
    prepared, batches = data(*parts), [draw() for _ in range(3)]
    tally = Tally(Known.of(prepared), 9)
    pairs = lambda sequence: list(itertools.pairwise(sequence))  # noqa: E731
    seen = {pair for part in parts for pair in pairs(part[:-2])}
    every, made = [], []
    for originals in batches:
        edited = [rng.sample(sequence, len(sequence)) for sequence in originals]
        tally.add(*packed(*originals), Samples(*packed(*edited)))
        for before, after in zip(originals, edited, strict=True):
            every += pairs(after)
            made += [pair for pair in pairs(after) if pair not in pairs(before)]
    assert tally.diversity()["distinct"] == len(set(every))
    assert tally.diversity()["new"] == len(set(every) - seen)
    told = tally.relevance()
    assert told["seen"] == pytest.approx(sum(pair in seen for pair in every) / len(every))
    assert told["seen_of_made"] == pytest.approx(sum(pair in seen for pair in made) / len(made))


def batches_of(prepared: Prepared, max_length: int = 6) -> list[Batch]:
    sampler = build_sampler(prepared, "any", False, torch.device("cpu"), draws=False)
    streams = generator(1, "watched"), generator(1, "watched")
    examples = examples_of(prepared, "train")
    return list(draw_batches(prepared, examples, sampler, 16, 0, max_length, *streams))


@pytest.mark.parametrize("edit", ["window", "whole"])
def test_basrec_gives_a_copy_of_every_sequence_for_each_operator(
    prepared: Prepared, edit: str
) -> None:
    settings = TrainConfig.model_validate({"augmentation": {"edit": edit}})
    augmenter, draws = build_augmenter(settings), generator(1, "watched")
    for batch in batches_of(prepared):
        told = augmenter.samples(prepared, batch, draws)
        assert list(told) == ["reorder", "substitute"]
        lengths = batch.layout.lengths if edit == "window" else batch.whole.length
        for samples in told.values():
            assert torch.equal(samples.layout.lengths, batch.layout.lengths)
            assert samples.asked is not None
            assert bool((samples.asked <= (0.7 * lengths).floor()).all())
            assert bool((samples.asked >= (0.2 * lengths).floor()).all())
        changed = (told["substitute"].items != batch.items).long()
        done = torch.zeros_like(batch.layout.lengths).index_add_(0, batch.layout.sequence, changed)
        assert bool((done <= told["substitute"].asked).all())
        if edit == "window":  # the items of a sequence stay the same
            for first, size in zip(batch.layout.offsets, batch.layout.lengths, strict=True):
                here = slice(int(first), int(first + size))
                own, edited = batch.items[here], told["reorder"].items[here]
                assert torch.equal(own.sort().values, edited.sort().values)


def test_generated_items_are_samples_and_plain_training_has_none(prepared: Prepared) -> None:
    plain, draws = Augmenter(TrainConfig()), generator(1, "watched")
    batch = batches_of(prepared)[0]
    assert plain.samples(prepared, batch, draws) == {}
    prior = Prior.of(torch.ones(60).long(), torch.ones(60).long())
    made = Prepared(**{**vars(prepared), "prior": prior})
    batch = batches_of(made, 30)[0]
    told = plain.samples(made, batch, draws)["generated"]
    assert torch.equal(told.layout.lengths, batch.whole.length + 1)
    assert bool((told.items[told.layout.offsets] == 1).all())


@pytest.mark.parametrize("method", ["cmr", "cmrsi", "cl4srec"])
def test_other_methods_give_samples_beside_the_originals(prepared: Prepared, method: str) -> None:
    model = {"max_length": 6}
    settings = TrainConfig.model_validate({"method": method, "model": model})
    augmenter, draws = build_augmenter(settings), generator(1, "watched")
    tally = Tally(Known.of(prepared), prepared.num_items)
    for batch in batches_of(prepared):
        [samples] = augmenter.samples(prepared, batch, draws).values()
        assert len(samples.layout.lengths) == len(batch.layout.lengths) * (
            2 if method == "cl4srec" else 1
        )
        assert len(samples.items) == len(samples.layout)
        assert int(samples.layout.lengths.max()) <= 6
        tally.add(batch.items, batch.layout, samples)
    assert 0.0 < tally.edits()["unchanged"] < 1.0
    assert 0.0 < tally.relevance()["seen"] < 1.0


def test_windows_are_no_samples_of_their_own(prepared: Prepared) -> None:
    # They are stretches of the training sequences: nothing is edited, no transition is new.
    settings = TrainConfig.model_validate({"method": "sliding_window"})
    batch = batches_of(prepared)[0]
    assert build_augmenter(settings).samples(prepared, batch, generator(1, "watched")) == {}
