"""The leave-one-out rule."""

import torch

from basrec.prepared import Prepared
from basrec.split import leave_one_out


def make(lengths: list[int]) -> Prepared:
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    items = torch.arange(1, int(offsets[-1]) + 1)
    return Prepared(items, offsets, torch.zeros(len(items) + 1).long(), len(items), {})


def test_each_split_when_a_user_has_five_items() -> None:
    # items 1 2 3 4 5: train reads 1 2 and aims at 2 3; validation aims at 4; test at 5
    prepared = make([5])
    aims = {}
    for split in ("train", "validation", "test"):
        example = leave_one_out(prepared, split)
        stop = int(example.start[0] + example.length[0])
        aims[split] = (prepared.items[:stop].tolist(), int(prepared.items[stop]))
    assert aims == {
        "train": ([1, 2], 3),
        "validation": ([1, 2, 3], 4),
        "test": ([1, 2, 3, 4], 5),
    }


def test_short_users_have_no_example() -> None:
    prepared = make([1, 2, 3, 4])
    assert leave_one_out(prepared, "train").user.tolist() == [3]
    assert leave_one_out(prepared, "validation").user.tolist() == [2, 3]
    assert leave_one_out(prepared, "test").user.tolist() == [1, 2, 3]


def test_cut_keeps_the_last_items() -> None:
    cut = leave_one_out(make([9]), "test").cut(3)
    assert (cut.start.tolist(), cut.length.tolist()) == ([5], [3])
