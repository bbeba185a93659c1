"""Reports of sweeps whose runs are gone, from what the sweep has kept of them."""

import shutil
from pathlib import Path

import pytest

from basrec.errors import InputError
from basrec.experiment_page import write_experiment_report
from basrec.results import CELL, read_origin, write_beside
from basrec.sweep_folder import read_sweep

PUBLISHED = Path(__file__).parents[2] / "configs" / "published"


def test_a_sweep_whose_runs_are_gone_still_reports(sweep: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(sweep, tmp_path / "sweeps" / "tiny")
    (moved / "timings.csv").unlink()
    text = write_experiment_report(moved, PUBLISHED).read_text()
    assert "Users are not compared anywhere: a run folder is gone or damaged" in text
    assert "The run folders of these cells are gone" in text
    assert 'id="headline"' in text


def with_origins(sweep: Path, place: Path) -> Path:
    """Copy a sweep without its run folders, with what it takes to repeat them."""
    rows = [
        {name: getattr(cell, name) for name in CELL} | told
        for cell in read_sweep(sweep).cells
        if cell.run is not None
        for told in read_origin(cell.run)
    ]
    moved = shutil.copytree(sweep, place / "sweeps" / "tiny")
    write_beside(moved, "origins.csv", rows)
    return moved


def test_a_sweep_whose_runs_are_gone_tells_how_to_repeat_them(sweep: Path, tmp_path: Path) -> None:
    moved = with_origins(sweep, tmp_path)
    gone, there = read_sweep(moved), read_sweep(sweep)
    for cell, whole in zip(gone.cells, there.cells, strict=True):
        assert cell.run is None
        assert (cell.rules, cell.config) == (whole.rules, whole.config)
        assert (cell.rules is not None) == cell.is_done
    text = write_experiment_report(moved, PUBLISHED).read_text()
    whole = write_experiment_report(sweep, PUBLISHED, tmp_path / "whole.html").read_text()
    for told in ("augmentation.alpha", "--set augmentation.alpha=0.2", "<dt>weights</dt>"):
        assert told in text and told in whole
    assert "basrec train data/prepared/beauty --out data/runs/beauty/basrec-seed2-again" in text
    assert text.count("<dt>command</dt>") == 8
    bare = shutil.copytree(sweep, tmp_path / "bare" / "sweeps" / "tiny")
    assert "<dt>command</dt>" not in write_experiment_report(bare, PUBLISHED).read_text()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('""alpha""', '""beta""', "this version does not know the config"),
        ('{""python""', '[""python""', None),
        ('""versions"": {', '""versions"": 5, ""x"": {', None),
    ],
)
def test_an_origin_of_another_version_or_damaged(
    sweep: Path, tmp_path: Path, old: str, new: str, told: str | None
) -> None:
    moved = with_origins(sweep, tmp_path)
    text = (moved / "origins.csv").read_text()
    assert old in text
    (moved / "origins.csv").write_text(text.replace(old, new, 1))
    if told:
        assert told in write_experiment_report(moved, PUBLISHED).read_text()
    else:
        with pytest.raises(InputError, match=r"origins.csv, row \d+: not as a sweep writes it"):
            write_experiment_report(moved, PUBLISHED)
