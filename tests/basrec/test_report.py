"""The report page."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.evaluation import evaluate
from basrec.report import command_of, metrics_table, run_names, write_own_report, write_report
from basrec.run_folder import read_config
from basrec.training import train
from tests.basrec.pages import Tags
from tests.basrec.test_drift import night

PASSPORT = {
    "steps": [
        {"step": "raw rows", "interactions": 100},
        {"step": "5-core", "users": 6, "items": 5, "interactions": 60},
    ],
    "iterations": [{"round": 0, "users": 9, "items": 9, "interactions": 90}],
    "published": None,
    "raw_rows": 100,
    "rejected_rows": {"<script>alert(1)</script>": 3},
    "length": {"min": 5, "median": 6.0, "mean": 6.2, "max": 9},
    "ties": {"share_of_users": 0.5, "share_of_users_last_two": 0.25},
    "repeats": {"interactions": 2, "users": 1, "distinct_pairs": 58},
    "digest": "abc",
    "protocol": {"since": None, "repeats": "keep"},
}


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("runs")
    for method in ("base", "basrec"):
        config = TrainConfig.model_validate(
            {
                "method": method,
                "model": {"embedding_size": 8, "max_length": 10},
                "train": {"batch_size": 16, "stage1": {"epochs": 2}, "stage2": {"epochs": 1}},
            }
        )
        train(folder, place / method, config)
    return [place / "base", place / "basrec"]


def test_the_page_is_self_contained_and_shows_the_numbers(runs: list[Path], tmp_path: Path) -> None:
    page = write_report(runs, tmp_path / "report.html", PASSPORT).read_text()
    tags = Tags()
    tags.feed(page)
    assert "svg" in tags.tags and "script" not in tags.tags
    assert not any(target.startswith(("http", "/", "file")) for target in tags.targets)
    test = json.loads((runs[1] / "metrics.json").read_text())["test"]
    table = page[page.index('id="test"') : page.index('id="validation"')]
    shown = re.findall(r">(\d\.\d{4})", table.split("basrec</td>")[1])
    assert shown[1] == f"{test['HR@10']:.4f}"
    assert "&lt;script&gt;" in page
    assert "method" in page  # the key in which the configs differ


def test_the_drift_over_nights_is_shown_from_the_second_on(
    runs: list[Path], tmp_path: Path
) -> None:
    good = night(1), night(3)
    bad = {"time": "2026-01-02T02:00:00+00:00", "outcome": "failed", "error": "<script>x"}
    page = write_report(runs[:1], tmp_path / "x.html", nights=[good[0], bad, good[1]]).read_text()
    assert "Over the nights" in page and "failed: &lt;script&gt;x" in page
    assert page.count("<td><code>01234567</code></td>") == 2
    page = write_report(runs[:1], tmp_path / "x.html", nights=[good[0], bad]).read_text()
    assert "Over the nights" not in page


def test_one_run_without_passport_is_enough(runs: list[Path], tmp_path: Path) -> None:
    page = write_report(runs[:1], tmp_path / "deep" / "report.html").read_text()
    assert "Dataset passport" not in page
    assert "Where the configs differ" not in page


def test_metrics_table_has_a_row_a_run(runs: list[Path]) -> None:
    assert [row["run"] for row in metrics_table(runs)] == ["base", "basrec"]


def test_an_unfinished_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run folder"):
        write_report([tmp_path], tmp_path / "report.html")
    with pytest.raises(InputError, match="no runs"):
        write_report([], tmp_path / "report.html")


def test_runs_of_the_same_name_are_told_apart(runs: list[Path], tmp_path: Path) -> None:
    again = shutil.copytree(runs[0], tmp_path / "base")
    assert run_names([runs[0], again]) == [str(runs[0]), str(again)]
    page = write_report([runs[0], again, again], tmp_path / "report.html").read_text()
    assert page.count("<details>") == 2
    assert str(again) in page


def test_odd_names_are_shown_as_they_are(runs: list[Path], tmp_path: Path) -> None:
    odd = [tmp_path / "_$\\frac$<b>&", tmp_path / "two words"]
    for place in odd:
        shutil.copytree(runs[0], place)
    page = write_report(odd, tmp_path / "report.html").read_text()
    assert page.count("_$\\frac$&lt;b&gt;&amp;") >= 4  # tables, legend, details
    assert "<b>" not in page
    assert f"--out &#39;{tmp_path}/two words-again&#39;" in page  # the command can be pasted


def test_the_command_repeats_the_run(runs: list[Path], tmp_path: Path) -> None:
    page = write_report(runs[1:], tmp_path / "report.html").read_text()
    told = re.findall(r"<code>(basrec train .*?)</code>", page)[0]
    kernels = read_config(runs[1])[0].kernels  # what `auto` was here
    assert told.endswith(
        f"--method basrec --preset paper --seed 1 --set device=cpu --set kernels={kernels} "
        "--set model.embedding_size=8 --set model.max_length=10 --set train.batch_size=16 "
        "--set train.stage1.epochs=2 --set train.stage2.epochs=1"
    )


def test_the_command_names_the_data_where_they_are_now(
    folder: Path, runs: list[Path], tmp_path: Path
) -> None:
    run = tmp_path / "moved" / "runs" / "own" / "base"
    shutil.copytree(runs[0], run)
    config, was = read_config(run)[0], Path("/was/prepared/own")
    assert f"train {was} --out {run}-again " in command_of(was, run, config)
    now = shutil.copytree(folder, tmp_path / "moved" / "prepared" / "own")
    assert f"train {now} --out {run}-again " in command_of(was, run, config)


def test_a_run_without_validation_is_shown(folder: Path, tmp_path: Path) -> None:
    config = TrainConfig.model_validate(
        {"method": "base", "train": {"stage1": {"epochs": 1, "first_validation": 5}}}
    )
    train(folder, tmp_path / "run", config)
    assert "<svg" in write_report([tmp_path / "run"], tmp_path / "report.html").read_text()


def test_a_run_has_its_own_page_and_the_passport_of_its_data(
    folder: Path, tmp_path: Path, runs: list[Path]
) -> None:
    run = shutil.copytree(runs[0], tmp_path / "run")
    prepared = shutil.copytree(folder, tmp_path / "prepared")
    (prepared / "passport.json").write_text(json.dumps(PASSPORT))
    config = (run / "config.yaml").read_text().splitlines()
    (run / "config.yaml").write_text("\n".join([f"prepared: {prepared}", *config[1:]]))
    page = write_own_report(run)
    assert page == run / "report.html" and "Dataset passport" in page.read_text()
    page.write_text("kept")
    assert write_own_report(run).read_text() == "kept"
    later = page.stat().st_mtime + 9
    os.utime(run / "manifest.json", (later, later))  # trained anew
    assert write_own_report(run).read_text() != "kept"


def test_runs_under_different_splits_are_not_compared(
    folder: Path, runs: list[Path], tmp_path: Path
) -> None:
    other = shutil.copytree(runs[1], tmp_path / "other")
    metrics = json.loads((other / "metrics.json").read_text())
    metrics["policy"]["split"] = {"rule": "last_n", "held_out": 2}
    (other / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(InputError, match=r"other: its split is .*last_n"):
        write_report([runs[0], other], tmp_path / "report.html")
    prepared = shutil.copytree(folder, tmp_path / "prepared")
    passport = {"protocol": {"split": {"rule": "last_n", "held_out": 2}}}
    (prepared / "passport.json").write_text(json.dumps(passport))
    with pytest.raises(InputError, match="prepared: its split is last_n"):
        evaluate(runs[0], "test", prepared)
    (prepared / "passport.json").unlink()
    with pytest.raises(InputError, match=r"passport.json: no such file"):
        evaluate(runs[0], "test", prepared)
