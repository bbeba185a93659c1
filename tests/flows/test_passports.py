"""The passport on the terminal and as a page, alone and compared."""

import contextlib
import io
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.cli import main
from tests.conftest import dense_rows
from tests.flows.calling import BASREC

Write = Callable[..., Path]


def basrec(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command here, which is quicker than in a process of its own."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(place),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(SystemExit) as left,
    ):
        patch.setattr(sys, "argv", ["basrec", *words])
        main()
    code = left.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(words, code, out.getvalue(), errors.getvalue())


@pytest.fixture
def two(write_dump: Write, tmp_path: Path) -> tuple[Path, Path]:
    raw = str(write_dump([*dense_rows(), ("u0", "i0", 30)]))
    meta = tmp_path / "meta.json"
    meta.write_text(json.dumps({"asin": "i0", "title": "A <b>fine</b> thing"}))
    for name, options in (("one", ["--items", str(meta)]), ("two", ["--policy", "strict"])):
        done = basrec(tmp_path, "prepare", raw, "--out", name, "--format", "auto", *options)
        assert done.returncode == 0, done.stderr
    return tmp_path / "one", tmp_path / "two"


def test_a_page_of_its_own_is_in_the_folder(two: tuple[Path, Path]) -> None:
    page = (two[0] / "passport.html").read_text()
    assert page.count("<svg") == 4
    assert "A &lt;b&gt;fine&lt;/b&gt; thing (i0)" in page
    assert not re.search(r"(src|href)=[\"']https?:", page)
    assert re.search(r"<td>5-core of interactions</td><td>6</td><td>6</td><td>37</td>", page)


def test_passport_shows_one_folder(two: tuple[Path, Path], tmp_path: Path) -> None:
    done = basrec(tmp_path, "passport", "one", "--out", "page.html")
    assert "format: amazon_2018" in done.stdout
    assert "5-core of interactions" in done.stdout
    assert (tmp_path / "page.html").read_text() == (two[0] / "passport.html").read_text()


def test_passport_compares_two(two: tuple[Path, Path], tmp_path: Path) -> None:
    done = basrec(tmp_path, "passport", "one", "two")
    assert "protocol.counting" in done.stdout and "core.interactions" in done.stdout
    page = (tmp_path / "passports.html").read_text()
    assert "<td>core.interactions</td><td>37</td><td>36</td>" in page
    same = basrec(tmp_path, "passport", "one", "one")
    assert "the same" in same.stdout


def test_a_prepared_folder_is_enough_for_another_split(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    done = basrec(tmp_path, "prepare", "one", "--split", "last_n", "--out", "three")
    assert done.returncode == 0, done.stderr
    for name in ("interactions", "users", "items", "sequences"):
        files = [tmp_path / place / f"{name}.parquet" for place in ("one", "three")]
        assert files[0].read_bytes() == files[1].read_bytes()
    rules = [
        json.loads((tmp_path / place / "passport.json").read_text())["protocol"]["split"]["rule"]
        for place in ("one", "three")
    ]
    assert rules == ["leave_one_out", "last_n"]


def test_a_prepared_folder_keeps_its_rules(two: tuple[Path, Path], tmp_path: Path) -> None:
    done = basrec(tmp_path, "prepare", "two", "--split", "global_time", "--out", "three")
    assert done.returncode == 0, done.stderr
    rules = json.loads((tmp_path / "three" / "passport.json").read_text())["protocol"]
    assert (rules["policy"], rules["counting"], rules["split"]["rule"]) == (
        *("strict", "pairs", "global_time"),
    )
    again = basrec(tmp_path, "prepare", "three", "--min-count", "4", "--out", "four")
    assert again.returncode == 0, again.stderr
    rules = json.loads((tmp_path / "four" / "passport.json").read_text())["protocol"]
    assert (rules["split"]["rule"], rules["min_count"], rules["repeats"]) == (
        *("global_time", 4, "first"),
    )
    other = basrec(tmp_path, "prepare", "three", "--policy", "published", "--out", "five")
    assert other.returncode == 0, other.stderr
    rules = json.loads((tmp_path / "five" / "passport.json").read_text())["protocol"]
    assert (rules["split"]["rule"], rules["repeats"]) == ("leave_one_out", "keep")


@pytest.mark.parametrize("words", [["--format", "yelp"], ["--max-rejects", "0"]])
def test_options_that_come_too_late_are_told(
    words: list[str], two: tuple[Path, Path], tmp_path: Path
) -> None:
    done = basrec(tmp_path, "prepare", "one", *words, "--out", "three")
    assert done.returncode == 2 and "too late" in done.stderr
    assert not (tmp_path / "three").exists()


def test_a_folder_that_has_changed_is_told(two: tuple[Path, Path], tmp_path: Path) -> None:
    path = two[0] / "interactions.parquet"
    path.write_bytes(path.read_bytes()[:-5])
    done = basrec(tmp_path, "prepare", "one", "--out", "three")
    assert done.returncode == 2 and "interactions.parquet: has changed since" in done.stderr
    path.unlink()
    done = basrec(tmp_path, "prepare", "one", "--out", "three")
    assert done.returncode == 2 and "one/interactions.parquet: no such file" in done.stderr
    (two[1] / "sequences.parquet").write_bytes(b"PAR1")
    done = basrec(tmp_path, "neighbours", "two")
    assert done.returncode == 2 and "sequences.parquet: has changed since" in done.stderr


def test_neighbours_found_otherwise_are_a_difference(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    for name in ("three", "four"):
        words = ["--similarity", "cosine", "--top", "3"] if name == "four" else []
        assert basrec(tmp_path, "prepare", "one", "--out", name, *words).returncode == 0
    told = basrec(tmp_path, "passport", "three", "four").stdout
    assert "neighbours.similarity" in told and "neighbours.top" in told


@pytest.mark.parametrize("manifest", ["[]", '{"stages": []}', '{"stages": {"ingest": {}}}', "{"])
def test_a_damaged_manifest_is_told(manifest: str, two: tuple[Path, Path], tmp_path: Path) -> None:
    (two[0] / "manifest.json").write_text(manifest)
    for words in (["prepare", "one", "--out", "three"], ["neighbours", "one"]):
        done = basrec(tmp_path, *words)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 1},
        {"ties": None},
        {"published": {"users": 1}},
        {"split": {}},
        {"protocol": {"split": "loo"}},
        {"protocol": {"split": {"rule": "global_time"}}},
    ],
)
def test_a_passport_that_says_nonsense_is_told(
    change: dict[str, object], two: tuple[Path, Path], tmp_path: Path
) -> None:
    path = two[0] / "passport.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    done = basrec(tmp_path, "neighbours" if "protocol" in change else "passport", "one")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr


def test_what_auto_took_a_table_for_is_told(tmp_path: Path) -> None:
    lines = [f"{u};{i};{1_300_000_000 + i}000" for u in range(6) for i in range(6)]
    (tmp_path / "raw").write_text("\n".join(["userId;movieId;ts", *lines]))
    done = basrec(tmp_path, "prepare", "raw", "--format", "auto", "--out", "out")
    told = "table (user=userId, item=movieId, time=ts, time_unit=milliseconds"
    assert f"format: {told}" in done.stdout
    rules = json.loads((tmp_path / "out" / "passport.json").read_text())["protocol"]
    assert rules["table"]["item"] == "movieId"
    done = basrec(tmp_path, "ingest", "raw", "--format", "auto", "--out", "in")
    assert f"read as {told}" in done.stdout


def test_a_folder_without_passport_is_told(tmp_path: Path) -> None:
    done = basrec(tmp_path, "passport", "nowhere")
    assert done.returncode == 2
    assert "nowhere/passport.json: no such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_passport_is_told(two: tuple[Path, Path], tmp_path: Path) -> None:
    (two[1] / "passport.json").write_text("{}")
    for words in (["two"], ["one", "two"]):
        done = basrec(tmp_path, "passport", *words)
        assert done.returncode == 2 and "prepare the folder again" in done.stderr


def test_an_interrupt_is_one_line(tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    raw.write_text(
        "".join(f"u{n % 9973},i{n % 997},5.0,{1_300_000_000 + n}\n" for n in range(2_000_000))
    )
    for seconds in (0.0, 0.4, 0.8):
        command = [*BASREC, "prepare", str(raw)]
        command += ["--out", "out", "--format", "amazon_ratings_2014"]
        started = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        while started.poll() is None and not list(tmp_path.glob(".out*")):
            time.sleep(0.05)
        time.sleep(seconds)
        started.send_signal(signal.SIGINT)
        _, told = started.communicate()
        if started.returncode != 0:  # done before
            assert started.returncode == 130 and told.count("error:") == 1, told
            assert "Traceback" not in told
            assert [path.name for path in tmp_path.iterdir()] == ["raw.csv"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--columns", "who=1"], "--columns 'who=1': write role=column"),
        (["--columns", "user=1,item=2"], "table.time"),
        (["--columns", "user=0,item=2,time=3"], "columns are counted from 1"),
        (["--columns", "user=1,user=2,item=3,time=4"], "user is there twice"),
        (["--columns", "user=1,item=1,time=3"], "only be one of"),
        (["--min-rating", "nan"], "min_rating"),
        (["--name", "../evil"], "--name '../evil'"),
        (["--policy", "lax"], "config key 'policy' = 'lax'"),
        (["--sample-users", "2"], "config key 'sample_users' = 2.0"),
        (["--set", "repeat=first"], "did you mean 'repeats'"),
        (["--max-rejects", "-1"], "max_rejects"),
        (["--since", "2020-01-02", "--until", "2020-01-01"], "since is later than until"),
        (["--ties", "refuse", "--split", "by_mood"], "split"),
        (["--held-out", "3"], "held_out belongs to the split last_n"),
        (["--test-from", "2019-01-01"], "belong to the split global_time"),
        (["--set", "data=3"], "data is a section"),
        (["--min-rating", "6"], "nothing is left after 'window and rating'"),
        (["--sample-users", "1e-9"], "nothing is left after 'sample of users'"),
        (["--min-count", "abc"], "Invalid value for '--min-count'"),
        (["--columns", "user=²,item=2,time=3"], "column '²' is not in the header"),
        (["--format", "auto", "--time-unit", "days"], "name the columns too"),
        (["--no-such-option"], "prepare --help'"),
    ],
)
def test_options_that_make_no_sense_are_told(
    words: list[str], told: str, write_dump: Write, tmp_path: Path
) -> None:
    raw = str(write_dump(dense_rows()))
    done = basrec(tmp_path, "prepare", raw, "--out", "out", *words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert told in done.stderr
    assert not (tmp_path / "out").exists()
