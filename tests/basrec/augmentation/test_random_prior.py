"""Random items: from the whole catalogue, or from the user's own training part."""

from pathlib import Path

import torch
from scipy import stats

from basrec.prepared import read_prepared
from tests.basrec.augmentation.generating import Make, settings
from tests.basrec.conftest import write_prepared


def test_random_is_uniform_over_the_catalogue(make_prior: Make, folder: Path) -> None:
    items = make_prior(
        folder, settings("random", {"count": 400}, model={"max_length": 500})
    ).prior.items
    counts = torch.bincount(items, minlength=41)[1:]
    assert len(counts) == 40 and int(counts.sum()) == 60 * 400
    assert stats.chisquare(counts.numpy()).pvalue > 0.01


def test_random_seq_draws_from_the_training_part_alone(make_prior: Make, folder: Path) -> None:
    prepared = read_prepared(folder)
    drawn = make_prior(
        folder, settings("random_seq", {"count": 50}, model={"max_length": 60})
    ).prior.items.view(60, 50)
    for user in range(60):
        start, length = int(prepared.offsets[user]), int(prepared.bounds.train[user])
        own = prepared.items[start : start + length].tolist()
        assert set(drawn[user].tolist()) <= set(own)


def test_random_seq_is_uniform_over_its_places(make_prior: Make, tmp_path: Path) -> None:
    folder = write_prepared(tmp_path / "data", [[1, 2, 3, 4, 5, 6, 7]] * 200, {1: 2})
    items = make_prior(
        folder, settings("random_seq", {"count": 50}, model={"max_length": 60})
    ).prior.items
    counts = torch.bincount(items, minlength=8)[1:]
    assert counts[5:].tolist() == [0, 0]  # held out
    assert stats.chisquare(counts[:5].numpy()).pvalue > 0.01
