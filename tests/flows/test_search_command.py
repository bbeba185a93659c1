"""The command `search`: its exit codes, its help, and the command of the best that it gives."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from basrec.files import digest_file
from flows.cli import app
from flows.config import all_keys
from flows.search_config import Search
from flows.search_space import Range
from pipeline.errors import InputError
from tests.flows.calling import BASREC
from tests.flows.searching import ALPHA, QUICK

ROOT = Path(__file__).parents[2]


def test_the_command_exits_with_2_and_one_line(tmp_path: Path) -> None:
    command = [*BASREC, "search", "paper-grid"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: data/prepared/beauty: no prepared folder; make it first")
    assert len(done.stderr.splitlines()) == 1 and list(tmp_path.iterdir()) == []


def test_the_command_of_the_best_repeats_its_weights(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    space = {"augmentation": {"rate": {"0": [0.1], "1": [0.7, 0.9]}}, ALPHA: [0.3]}
    values = {"prepared": str(prepared), "settings": QUICK, "space": space, "sampler": "grid"}
    file.write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    runner = CliRunner(env={"COLUMNS": "200"})
    shown = runner.invoke(app, ["search", "mine.yaml"], catch_exceptions=False)
    assert shown.exit_code == 0 and "mine: 2 trials" in shown.output
    best = json.loads((tmp_path / "data/searches/mine/best.json").read_text())
    words = shlex.split(best["command"])
    assert words[0] == "basrec"
    assert runner.invoke(app, words[1:], catch_exceptions=False).exit_code == 0
    again = Path(words[words.index("--out") + 1])
    assert digest_file(again / "model.safetensors") == digest_file(
        Path(best["run"]) / "model.safetensors"
    )
    more = runner.invoke(app, ["search", "mine.yaml", "--set", "train.batch_size=16"])
    assert isinstance(more.exception, InputError)
    assert "changed since it was begun: settings, search; give this search another" in str(
        more.exception
    )


def test_the_command_and_every_key_are_documented() -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["search", "--help"]).output
    for option in ("SEARCH", "--trials", "--set", "--data"):
        assert option in shown
    text = (ROOT / "docs" / "search.md").read_text()
    for key in (*all_keys(Search), *Range.model_fields):
        assert f"`{key}`" in text, key
