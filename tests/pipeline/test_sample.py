"""The synthetic sample."""

import gzip
import json
from pathlib import Path

import pytest

from pipeline.config import DataConfig
from pipeline.interactions import ingest
from pipeline.preparation import prepare
from pipeline.sample import write_sample


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample") / "a.json.gz").path


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    a, b, c = (
        write_sample(tmp_path / name, 500, seed).path.read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert a == b != c


def test_it_looks_like_a_real_dump(dump: Path, tmp_path: Path) -> None:
    manifest = ingest([dump], tmp_path / "in", DataConfig(format="amazon_2018"))
    assert manifest.rows["raw"] == pytest.approx(60_000, abs=200)
    assert manifest.rows["rejects"] == 120
    assert len([name for name in manifest.rows if name.startswith("rejected: ")]) == 5
    prepare(tmp_path / "in", tmp_path / "out", DataConfig(format="amazon_2018"))
    passport = json.loads((tmp_path / "out" / "passport.json").read_text())
    assert len(passport["iterations"]) >= 5  # peeled in several rounds
    assert passport["ties"]["share_of_users"] > 0.8
    assert passport["length"]["max"] > 10 * passport["length"]["median"]  # heavy-tailed
    assert 2_000 < passport["core"]["users"] < 6_000


def test_rows_are_in_the_amazon_2018_layout(dump: Path) -> None:
    with gzip.open(dump, "rt") as lines:
        row = json.loads(next(lines))
    assert {"overall", "verified", "reviewTime", "reviewerID", "asin", "unixReviewTime"} <= set(row)
    assert row["unixReviewTime"] % 86_400 == 0
