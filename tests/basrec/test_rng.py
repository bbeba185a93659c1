"""Random streams keyed by purpose."""

import torch

from basrec.rng import PURPOSES, generator, global_stream, stream_seed


def test_streams_differ_by_seed_purpose_stage_and_epoch() -> None:
    keys = [(1, purpose, 1, 1) for purpose in PURPOSES]
    keys += [(2, "draws", 1, 1), (1, "draws", 2, 1), (1, "draws", 1, 2)]
    assert len({stream_seed(*key) for key in keys}) == len(keys)


def test_the_same_key_gives_the_same_draws() -> None:
    first = torch.rand(5, generator=generator(7, "draws", 2, 3))
    assert torch.equal(first, torch.rand(5, generator=generator(7, "draws", 2, 3)))


def test_the_global_stream_is_given_back_as_it_was() -> None:
    before = torch.random.get_rng_state()
    with global_stream(11, torch.device("cpu")):
        first = torch.rand(3)
    assert torch.equal(before, torch.random.get_rng_state())
    with global_stream(11, torch.device("cpu")):
        assert torch.equal(first, torch.rand(3))
