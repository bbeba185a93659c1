"""Layout of packed sequences."""

import torch

from basrec.packed import Packed


def test_positions_when_two_sequences_are_packed() -> None:
    layout = Packed.of(torch.tensor([2, 3]))
    assert layout.sequence.tolist() == [0, 0, 1, 1, 1]
    assert layout.position.tolist() == [0, 1, 0, 1, 2]
    assert layout.last.tolist() == [1, 4]
    assert len(layout) == 5


def test_slot_puts_the_last_position_last() -> None:
    assert Packed.of(torch.tensor([2, 3])).slot(5).tolist() == [3, 4, 2, 3, 4]


def test_flat_index_when_sequences_begin_elsewhere() -> None:
    assert Packed.of(torch.tensor([2, 1])).flat(torch.tensor([10, 4])).tolist() == [10, 11, 4]


def test_repeat_lays_whole_copies_one_after_the_other() -> None:
    layout = Packed.of(torch.tensor([1, 2])).repeat(2)
    assert layout.lengths.tolist() == [1, 2, 1, 2]
    assert layout.sequence.tolist() == [0, 1, 1, 2, 3, 3]
