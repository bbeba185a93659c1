"""What a sweep refuses before it starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.experiment import load_experiment
from flows.sweep_plan import plan
from flows.sweep_request import check_prepared, check_same_experiment, default_jobs
from flows.sweep_results import Ledger
from pipeline.errors import InputError
from tests.flows.sweeping import grid_of


def test_another_experiment_of_the_name_is_refused(tmp_path: Path) -> None:
    variants = {"Base": {"method": "base"}}
    experiment, grid = grid_of(tmp_path, variants)
    check_same_experiment(experiment, tmp_path)  # there is none yet
    planned = plan(grid, tmp_path)
    ledger = Ledger(experiment, grid, planned, tmp_path)
    ledger.open()
    ledger.open()  # the same goes on
    stated = tmp_path / "sweeps" / "mine" / "experiment.yaml"
    before = stated.read_bytes()
    changed = load_experiment(str(tmp_path / "mine.yaml"), {"train": {"batch_size": 7}})
    asked = ["sweep", str(tmp_path / "mine.yaml"), "--data", str(tmp_path), "--dry-run"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    shown = CliRunner().invoke(app, [*asked, "--set", "train.batch_size=7"])
    assert "another experiment of this name" in str(shown.exception)
    with pytest.raises(InputError, match=r"another experiment of this name \(other settings\)"):
        Ledger(changed, grid, planned, tmp_path).open()
    assert stated.read_bytes() == before
    more = experiment.model_copy(update={"seeds": [*experiment.seeds, 77], "title": "More"})
    check_same_experiment(more, tmp_path)  # it may grow
    with pytest.raises(InputError, match=r"\(other seeds\)"):
        check_same_experiment(experiment.model_copy(update={"seeds": [77]}), tmp_path)
    redefined = {"Base": experiment.variants["Base"].model_copy(update={"preset": "strict"})}
    with pytest.raises(InputError, match=r"\(other variants\)"):
        check_same_experiment(experiment.model_copy(update={"variants": redefined}), tmp_path)
    stated.write_text("[]")
    with pytest.raises(InputError, match="delete that folder"):
        check_same_experiment(experiment, tmp_path)


def test_datasets_that_are_not_prepared_are_refused_with_the_command(tmp_path: Path) -> None:
    _, grid = grid_of(tmp_path, {"Base": {"method": "base"}}, datasets=["tiny", "yelp"])
    check_prepared(grid[:1], tmp_path)
    with pytest.raises(InputError, match=r"run 'basrec run --dataset yelp --flow prepare --set"):
        check_prepared(grid, tmp_path)
    assert default_jobs(grid) >= 1
