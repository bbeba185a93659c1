"""Windows against lists cut one sequence at a time."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from basrec.augmentation import build_augmenter
from basrec.augmentation.sliding_window import SlidingWindow, windows_of
from basrec.errors import InputError
from basrec.model import Recommender
from basrec.prepared import Prepared
from basrec.rng import generator
from basrec.split import Examples, examples_of

Make = Callable[..., Any]


def plain_windows(
    items: list[int], size: int, stride: int, keep_whole: bool = True
) -> list[list[int]]:
    if len(items) <= size:
        return [items]
    windows = [items[end - size : end] for end in range(len(items), size - 1, -stride)][::-1]
    return windows + [items] * keep_whole


def read(prepared: Prepared, examples: Examples) -> list[tuple[int, list[int]]]:
    """Give user, inputs and the last target of every example."""
    rows = zip(
        *(part.tolist() for part in (examples.user, examples.start, examples.length)), strict=True
    )
    return [
        (user, prepared.items[start : start + length + 1].tolist()) for user, start, length in rows
    ]


@pytest.mark.parametrize("size", [2, 3, 5, 8, 10])
@pytest.mark.parametrize("stride", [1, 2, 3, 7])
@pytest.mark.parametrize("keep_whole", [True, False])
def test_windows_equal_the_plain_ones(
    size: int, stride: int, keep_whole: bool, prepared: Prepared, config_of: Make
) -> None:
    told = {"size": size, "stride": stride, "keep_whole": keep_whole}
    base = examples_of(prepared, "train")
    windows = SlidingWindow(config_of("sliding_window", sliding_window=told)).examples(
        prepared, base
    )
    expected = [
        (user, window)
        for user, items in read(prepared, base)
        for window in plain_windows(items, size, stride, keep_whole)
    ]
    assert read(prepared, windows) == expected


def test_windows_by_hand() -> None:
    example = Examples(torch.tensor([7]), torch.tensor([100]), torch.tensor([6]))  # 7 items
    windows = windows_of(example, size=4, stride=2, keep_whole=True)
    assert windows.user.tolist() == [7, 7, 7]
    assert windows.start.tolist() == [101, 103, 100]
    assert windows.length.tolist() == [3, 3, 6]


@pytest.mark.parametrize("change", [{"size": 4}, {"stride": 2}, {"keep_whole": False}])
def test_every_option_changes_the_examples(
    change: dict[str, Any], prepared: Prepared, config_of: Make
) -> None:
    base = examples_of(prepared, "train")
    default, other = (
        SlidingWindow(config_of("sliding_window", sliding_window=told)).examples(prepared, base)
        for told in ({}, change)
    )
    assert read(prepared, default) != read(prepared, other)


def test_windows_that_would_be_cut_are_refused(config_of: Make) -> None:
    build_augmenter(config_of("sliding_window", sliding_window={"size": 10}))
    with pytest.raises(InputError, match=r"size = 11 has 10 inputs"):
        build_augmenter(config_of("sliding_window", sliding_window={"size": 11}))


@pytest.mark.parametrize("aim", ["every", "last"])
def test_pairs_meet_at_the_same_position(
    aim: str, prepared: Prepared, model: Recommender, batch_of: Make, config_of: Make
) -> None:
    batch = batch_of(aim)
    method = SlidingWindow(config_of("sliding_window", sliding_window={"size": 4, "stride": 2}))
    whole, short = method.pairs(model, prepared, batch, generator(1, "draws"))["windows"]
    expected = []
    for items in batch.items.split(batch.layout.lengths.tolist()):
        outputs, size = model(items, torch.tensor([len(items)])), len(items)
        ends = range(size, 2, -2) if aim == "every" else [size]
        for end in sorted(ends):
            if size > 3:
                window = model(items[end - 3 : end], torch.tensor([3]))[-1]
                expected.append((outputs[end - 1], window))
    assert len(expected) == len(whole)
    for one, other, (own, window) in zip(whole, short, expected, strict=True):
        assert torch.allclose(one, own, rtol=0, atol=1e-12)
        assert torch.allclose(other, window, rtol=0, atol=1e-12)


def test_no_pairs_where_no_sequence_is_longer_than_a_window(
    prepared: Prepared, model: Recommender, batch_of: Make, config_of: Make
) -> None:
    method = SlidingWindow(config_of("sliding_window", sliding_window={"size": 10}))
    assert method.pairs(model, prepared, batch_of(), generator(1, "draws")) == {}
