"""The command line: promised options, exit codes, one clear line."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.errors import exit_code, one_line, told_in_one_line
from tests.conftest import dense_rows

Write = Callable[..., Path]


def basrec(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from flows.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def assert_told(done: subprocess.CompletedProcess[str], code: int, told: str) -> None:
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


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


@pytest.fixture
def raw(write_dump: Write) -> Path:
    return write_dump(dense_rows(8, 8))


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


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "missing.gz", "no such file"),
        (lambda folder: write(folder / "empty", b""), "the file is empty"),
        (lambda folder: write(folder / "page", b"<html>\n"), "looks like an HTML page"),
        (lambda folder: write(folder / "cut.gz", broken_gzip()), "breaks off"),
        (lambda folder: write(folder / "csv", b"u,i,5.0,1300000000\n" * 9), "try --format"),
        (lambda folder: write(folder / "few", sparse()), "nothing is left of the core"),
    ],
)
def test_bad_dumps_are_told_and_leave_nothing(
    tmp_path: Path, make: Callable[[Path], Path], told: str
) -> None:
    raw = make(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    assert_told(basrec("prepare", raw, "--out", tmp_path / "out"), 2, told)
    assert {path.name for path in tmp_path.iterdir()} == before


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def broken_gzip() -> bytes:
    data = gzip.compress(os.urandom(4000).hex().encode())
    return data[: len(data) // 2]


def sparse() -> bytes:
    row = {"reviewerID": "u", "asin": "i", "overall": 5, "unixReviewTime": 1_300_000_000}
    return json.dumps(row).encode() + b"\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run"], "nothing to run"),
        (["run", "--dataset", "beauty"], "no dump is named"),
        (["run", "--dataset", "beauty", "--set", "traim.epochs=3"], "'traim' is not known"),
        (["run", "--dataset", "beauty", "--set", "train.batch_size=x"], "valid integer"),
        (["run", "--dataset", "beauty", "--flow", "everything"], "'everything' is not known"),
        (["run", "missing.yaml"], "no such config file"),
        (["prepare", "x", "--format", "csv", "--out", "o"], "'csv' is not a format"),
        (["prepare", "x", "--min-count", "0", "--out", "o"], "greater than or equal to 1"),
        (["prepare", "x"], "where to?"),
        (["train", "nowhere", "--out", "o"], "no such file"),
        (["train", "nowhere", "--out", "o", "--backbone", "bert"], "'bert' is not known"),
        (["train", "nowhere", "--out", "o", "--method", "magic"], "magic"),
        (["train", "nowhere", "--out", "o", "--method", ""], "'methods' = []"),
        (["train", "nowhere", "--out", "o", "--device", "tpu"], "tpu"),
        (["run", "--dataset", "sample", "--set", "methods=[magic]"], "'magic' is not known"),
        (["generate", "nowhere", "--out", "o", "--method", "magic"], "'magic' is not known"),
        (["evaluate", "nowhere"], "no run folder"),
        (["evaluate", "nowhere", "--split", "half"], "write test or validation"),
        (["report", "nowhere"], "no run folder"),
        (["export", "nowhere", "--out", "o"], "no run folder"),
        (["analyse", "nowhere"], "no run folder"),
        (["neighbours", "nowhere"], "no such folder"),
        (["datasets", "atlantis"], "is not known; known:"),
        (["download", "yelp"], "accept its terms"),
    ],
)
def test_wrong_calls_exit_with_2_and_one_line(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    assert_told(basrec(*arguments, cwd=tmp_path), 2, told)


def test_a_place_that_cannot_be_written_is_a_wrong_call(raw: Path, tmp_path: Path) -> None:
    blocked = write(tmp_path / "file", b"")
    assert_told(basrec("prepare", raw, "--out", blocked / "out"), 2, "cannot be written")


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Give a function that mounts a small or read-only disk; needs to be root."""
    places: list[Path] = []

    def make(options: str) -> Path:
        place = tmp_path / "disk"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
            pytest.skip("may not mount a disk here")
        places.append(place)
        return place

    yield make
    for place in places:
        subprocess.run(["umount", str(place)], check=False)


def test_a_disk_that_fills_up_exits_with_1_and_leaves_nothing(
    raw: Path, mount: Callable[[str], Path]
) -> None:
    disk = mount("size=48k")
    done = basrec("prepare", raw, "--out", disk / "out")
    assert_told(done, 1, "the disk is full")
    assert list(disk.iterdir()) == []


def test_a_read_only_disk_exits_with_2(raw: Path, mount: Callable[[str], Path]) -> None:
    disk = mount("ro")
    assert_told(basrec("prepare", raw, "--out", disk / "out"), 2, "cannot be written")
    assert_told(basrec("sample", "--out", disk / "a.gz"), 2, "Read-only")


def test_a_full_disk_exits_with_1() -> None:
    full = OSError(28, "No space left on device")
    assert exit_code(full) == 1
    assert one_line(full).startswith("No space left on device; free space")


def test_unforeseen_errors_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), told_in_one_line():
        _ = 1 / 0


@pytest.mark.parametrize(
    "interrupt", [KeyboardInterrupt(), SystemExit(130)]
)  # Typer's is the latter
def test_an_interrupt_exits_with_130_and_one_line(
    interrupt: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left, told_in_one_line():
        raise interrupt
    assert left.value.code == 130
    assert capsys.readouterr().err.startswith("error: interrupted; run again")
    assert exit_code(SystemExit(2)) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_swallows_its_end_leaves_after_the_grace(number: int) -> None:
    code = (
        "import signal, time; from flows.errors import end_on_sigterm; end_on_sigterm(0.2)\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"  # as a library may do
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(number)
        told = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert told.startswith("error: interrupted; run again")
