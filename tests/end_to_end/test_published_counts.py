"""Real dumps give the published sequences and counts, exactly."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import DataConfig
from pipeline.datasets import load_dataset
from pipeline.interactions import ingest
from pipeline.neighbours import NeighbourConfig, add_neighbours
from pipeline.preparation import prepare
from pipeline.schemas import validate
from pipeline.text import write_text


def run(raw: Path, tmp_path: Path, config: DataConfig, published: Any = None) -> dict[str, Any]:
    ingest([raw], tmp_path / "in", config)
    prepare(tmp_path / "in", tmp_path / "out", config, published)
    add_neighbours(tmp_path / "out", NeighbourConfig())
    validate(tmp_path / "out")
    passport: dict[str, Any] = json.loads((tmp_path / "out" / "passport.json").read_text())
    return passport


@pytest.mark.parametrize(
    ("name", "raw", "sequences"),
    [
        ("beauty", "reviews_Beauty_5.reconstructed.json.gz", "Beauty"),
        ("sports", "reviews_Sports_and_Outdoors_5.reconstructed.json.gz", "Sports_and_Outdoors"),
        ("yelp", "yelp_academic_dataset_review.reconstructed.json.gz", "Yelp"),
    ],
)
def test_sequences_equal_the_published_ones_byte_for_byte(
    shared: Path, tmp_path: Path, name: str, raw: str, sequences: str
) -> None:
    known = load_dataset(name)
    config = DataConfig(**known.data)
    passport = run(shared / "data" / "raw" / raw, tmp_path, config, known.published)
    assert set(passport["published"]["difference"].values()) == {0}
    write_text(tmp_path / "out", tmp_path / "text")
    with gzip.open(shared / "data" / "sequences" / f"{sequences}.txt.gz") as published:
        assert (tmp_path / "text").read_bytes() == published.read()


@pytest.mark.parametrize(
    ("raw", "format_name", "raw_rows", "core"),
    [
        ("Magazine_Subscriptions.csv.gz", "amazon_ratings_2018", 89_689, (326, 138, 2_236)),
        ("AMAZON_FASHION_5.json.gz", "amazon_2018", 3_176, (394, 17, 3_110)),
    ],
)
def test_complete_real_dumps_give_their_core(
    shared: Path, tmp_path: Path, raw: str, format_name: str, raw_rows: int, core: tuple[int, ...]
) -> None:
    passport = run(shared / "data" / "raw" / raw, tmp_path, DataConfig(format=format_name))
    assert passport["raw_rows"] == raw_rows
    assert tuple(passport["core"].values()) == core


def test_a_cut_off_line_is_the_one_reject(shared: Path, tmp_path: Path) -> None:
    raw = shared / "data" / "raw" / "yelp_academic_dataset_review.part.json.gz"
    manifest = ingest([raw], tmp_path / "in", DataConfig(format="yelp"))
    assert manifest.rows["interactions"] == 3_610
    assert manifest.rows["rejects"] == 1


def test_equal_rows_of_a_real_dump(shared: Path, tmp_path: Path) -> None:
    raw = shared / "data" / "raw" / "AMAZON_FASHION_5.json.gz"
    passport = run(raw, tmp_path, DataConfig(format="amazon_2018", duplicates="drop"))
    removed = {step["step"]: step["removed"] for step in passport["steps"]}
    assert removed["exact duplicates: drop"] == 108


@pytest.mark.parametrize(
    ("raw", "format_name", "core"),
    [
        ("Magazine_Subscriptions.csv.gz", "amazon_ratings_2018", (294, 132, 2_027)),
        ("AMAZON_FASHION_5.json.gz", "amazon_2018", (374, 8, 2_962)),
    ],
)
def test_complete_real_dumps_counting_pairs(
    shared: Path, tmp_path: Path, raw: str, format_name: str, core: tuple[int, ...]
) -> None:
    config = DataConfig(format=format_name, counting="pairs")
    passport = run(shared / "data" / "raw" / raw, tmp_path, config)
    sizes = passport["core"]["users"], passport["core"]["items"]
    assert (*sizes, passport["repeats"]["distinct_pairs"]) == core
    once = config.model_copy(update={"repeats": "first"})
    assert (
        tuple(run(shared / "data" / "raw" / raw, tmp_path / "once", once)["core"].values()) == core
    )


def make_dump(shared: Path, source: Path, out: Path, layout: str, *options: str) -> Any:
    """Wrap sequences in shells and bad rows; give the truth."""
    tool, truth = shared / "tools" / "make_raw_dump.py", out.with_suffix(".truth")
    command = [sys.executable, str(tool), str(source), "--format", layout]
    command += ["--out", str(out), "--truth", str(truth), *options]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads(truth.read_text())


@pytest.mark.parametrize(
    ("name", "sequences", "layout"),
    [
        ("beauty", "Beauty", "amazon_2014_loose"),
        ("sports", "Sports_and_Outdoors", "amazon_2023"),
        ("yelp", "Yelp", "yelp"),
        ("home", "Home", "amazon_ratings_2018"),
    ],
)
def test_the_four_published_statistics_from_dumps_with_shells(
    shared: Path, tmp_path: Path, name: str, sequences: str, layout: str
) -> None:
    source = shared / "data" / "sequences" / f"{sequences}.txt.gz"
    options = ["--shell", "1", "--bad", "100", "--seed", "3"]
    truth = make_dump(shared, source, tmp_path / "dump", layout, *options)
    config = DataConfig(format=layout.removesuffix("_loose"))
    passport = run(tmp_path / "dump", tmp_path, config, load_dataset(name).published)
    assert set(passport["published"]["difference"].values()) == {0}
    assert passport["digest"] == truth["sequences_sha256"]
    assert sum(passport["rejected_rows"].values()) == sum(truth["bad_rows"].values())


@pytest.mark.parametrize("asked", ["named", "auto"])
@pytest.mark.parametrize(
    "layout",
    [
        *("amazon_2014", "amazon_2014_loose", "amazon_2018", "amazon_2023", "yelp"),
        *("amazon_ratings_2014", "amazon_ratings_2018", "amazon_ratings_2023"),
    ],
)
def test_dumps_with_shells_and_bad_rows_give_back_their_truth(
    shared: Path, tmp_path: Path, layout: str, asked: str
) -> None:
    source = tmp_path / "sequences.txt"
    # Whole users of a real file keep no 5-core of their own; a dense made-up one does.
    lines = [
        f"{u} " + " ".join(str((u * 7 + 3 * n) % 60 + 1) for n in range(8)) for u in range(1, 301)
    ]
    source.write_text("\n".join(lines) + "\n")
    options = ["--shell", "3", "--layers", "4", "--bad", "25", "--seed", "5"]
    truth = make_dump(shared, source, tmp_path / "dump.gz", layout, *options)
    config = DataConfig(format="auto" if asked == "auto" else layout.removesuffix("_loose"))
    passport = run(tmp_path / "dump.gz", tmp_path, config)
    assert passport["core"] == truth["core"]
    assert passport["digest"] == truth["sequences_sha256"]
    bad = sum(truth["bad_rows"].values())
    assert sum(passport["rejected_rows"].values()) == bad
    assert passport["raw_rows"] == truth["raw_rows"] + bad
    assert len(passport["iterations"]) > 4
