"""The command line: promised options, exit codes, one clear line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tests.conftest import dense_rows
from tests.flows.calling import assert_told, basrec

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("run", "--dataset --set --flow --data"),
        ("prepare", "--format --name --out --min-count --since --until --min-rating --repeats"),
        ("prepare", "--memory --threads --text"),
        ("train", "--backbone --method --preset --seed --out --resume --set --device"),
        ("train", "--start-from --generated"),
        ("generate", "--backbone --method --preset --seed --out --resume --set --device"),
        ("evaluate", "--split"),
        ("ingest", "--format --out"),
        ("neighbours", "--top --similarity"),
        ("report", "--out"),
        ("export", "RUN --out --form"),
        ("analyse", "--out --prepared"),
        ("sample", "--rows --seed --out"),
        ("datasets", "NAME"),
        ("download", "--data"),
        ("serve", "--data --port --jobs --redeploy"),
        ("publish", "--method --run --again --rollback --list --set --data"),
        ("gc", "--delete --older-than --keep --data"),
    ],
)
def test_help_shows_the_promised_options(command: str, options: str) -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    for option in options.split():
        assert option.lower() in shown.output.lower()


def test_help_names_every_backbone_and_method() -> None:
    from basrec.augmentation import AUGMENTERS
    from basrec.backbones import BACKBONES

    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["train", "--help"]).output
    assert all(name in shown for name in (*AUGMENTERS, *BACKBONES))


def test_version_and_datasets_are_shown() -> None:
    runner = CliRunner(env={"COLUMNS": "200"})
    assert runner.invoke(app, ["--version"]).output.startswith("basrec 0.")
    assert basrec("datasets", "beauty").stdout.count("22363") == 1


def test_single_stages_run_from_what_the_one_before_left(raw: Path, tmp_path: Path) -> None:
    steps = [
        ["ingest", raw, "--out", tmp_path / "in"],
        ["prepare", tmp_path / "in", "--out", tmp_path / "out", "--text", tmp_path / "text"],
        ["neighbours", tmp_path / "out", "--top", 3, "--similarity", "cosine"],
    ]
    for step in steps:
        done = basrec(*step)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "text").read_text().splitlines()[0] == "1 1 2 3 4 5 6 7 8"
    stages = json.loads((tmp_path / "out" / "manifest.json").read_text())["stages"]
    assert list(stages) == ["ingest", "prepare", "neighbours"]
    assert stages["neighbours"]["config"] == {"similarity": "cosine", "top": 3}


def test_commands_and_flow_take_over_the_old_part_of_a_grown_dump(
    write_dump: Write, tmp_path: Path
) -> None:
    raw, mine = write_dump(dense_rows(8, 8), name="raw.json"), tmp_path / "data/ingested/mine"
    ingest, prepare = ["ingest", raw, "--out", mine], ["prepare", raw, "--out", tmp_path / "out"]
    assert "taken over 0" in basrec(*ingest).stdout
    basrec(*prepare)
    write_dump(dense_rows(8, 8) + dense_rows(8, 1), name="raw.json")
    (tmp_path / "mine.yaml").write_text(f"name: mine\nraw: {raw}\n")
    done = basrec("run", "mine.yaml", "--flow", "prepare", cwd=tmp_path)
    assert "ingest: done in" in done.stderr, done.stderr
    assert "8 rows read, 64 taken over" in done.stderr
    assert basrec(*prepare).returncode == 0
    stages = json.loads((tmp_path / "out" / "manifest.json").read_text())["stages"]
    assert (stages["ingest"]["rows"]["raw"], stages["ingest"]["rows"]["taken over"]) == (72, 64)


def test_a_run_that_replaces_another_says_so(raw: Path, tmp_path: Path) -> None:
    assert basrec("prepare", raw, "--out", tmp_path / "data").returncode == 0
    few = ("--method", "base", "--set", "train={negatives: any, stage1: {epochs: 1}}")
    few = (*few, "--out", str(tmp_path / "run"))
    told = [basrec("train", tmp_path / "data", *few, "--seed", seed) for seed in (1, 1, 2)]
    assert all(done.returncode == 0 for done in told), told[-1].stderr
    assert ["replaced a run" in done.stdout for done in told] == [False, False, True]


def test_prepare_options_reach_the_protocol(raw: Path, tmp_path: Path) -> None:
    done = basrec(
        "prepare", raw, "--format", "amazon_2014", "--out", tmp_path / "out", "--min-count", 2,
        "--since", "2011-01-01", "--until", "2012-01-01", "--min-rating", 1, "--repeats", "first",
        "--memory", "1GB", "--threads", 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    protocol = json.loads((tmp_path / "out" / "passport.json").read_text())["protocol"]
    told = {key: protocol[key] for key in ("min_count", "since", "until", "min_rating", "repeats")}
    assert told == {
        "min_count": 2,
        "since": "2011-01-01",
        "until": "2012-01-01",
        "min_rating": 1.0,
        "repeats": "first",
    }


def test_analyse_prints_a_table_and_writes_a_page(raw: Path, tmp_path: Path) -> None:
    data, short = tmp_path / "data", ["--set", "train.stage1.epochs=1"]
    short += ["--set", "train.stage2.epochs=1", "--set", "train.negatives=any"]
    for step in (
        ["prepare", raw, "--out", data],
        ["neighbours", data],
        ["train", data, "--out", tmp_path / "run", *short],
        ["train", data, "--out", tmp_path / "base", "--method", "base", *short],
    ):
        done = basrec(*step)
        assert done.returncode == 0, done.stderr
    done = basrec("analyse", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "run" / "analysis.html") in done.stdout
    for word in ("similarity", "unchanged", "transitions", "seen", "effective", "substitute"):
        assert word in done.stdout
    assert (tmp_path / "run" / "analysis.json").exists()
    told = "base augments nothing; name a run of another method"
    assert_told(basrec("analyse", tmp_path / "base"), 2, told)
    (tmp_path / "run" / "history.jsonl").write_text("{}")
    assert_told(basrec("analyse", tmp_path / "run"), 2, "damaged, or of an earlier version")
