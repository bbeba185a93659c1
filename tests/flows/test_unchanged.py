"""Whether a rebuild has anything to do."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import flows.unchanged
from flows.config import RunConfig, resolve
from flows.folders import Folders
from flows.json_lines import append_line, read_lines
from flows.nights import nights_of
from flows.unchanged import raw_marks, remember, skip_unchanged, unchanged_since


def config_of(place: Path, *sets: str) -> RunConfig:
    return resolve(None, None, ["name=mine", f"raw={place / 'raw'}", "methods=[base]", *sets])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder in which a rebuild has just ended, its marks kept."""
    monkeypatch.setattr(flows.unchanged, "SETTLED_NS", -(10**9))  # the files are of this moment
    config = config_of(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "one.json").write_text("0123456789")
    folders = Folders(tmp_path, "mine")
    for folder in (folders.ingested, folders.prepared, folders.run(config, "base")):
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    folders.report.write_text("page")
    append_line(nights_of(tmp_path, "mine"), {"outcome": "done", "users": 7, "digest": "d"})
    remember(config, tmp_path, raw_marks(config, tmp_path))
    return tmp_path


def test_nothing_new_is_said_and_the_night_recorded(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert skip_unchanged(config_of(place), place)
    assert "rebuild: nothing new" in capfd.readouterr().err
    last = read_lines(nights_of(place, "mine"))[-1]
    assert (last["users"], last["digest"], last["reused"]) == (7, "d", True)


def change(place: Path, what: str) -> None:
    raw = place / "raw" / "one.json"
    report = Folders(place, "mine").report
    {
        "appended": lambda: raw.write_text("0123456789a"),
        # The same size, and the time of its content set back to what it was.
        "rewritten": lambda: _rewrite(raw, "9876543210"),
        "another file": lambda: (place / "raw" / "two.json").write_text("x"),
        "gone": raw.unlink,
        "a result gone": report.unlink,
        "a result changed": lambda: report.write_text("pagE"),
        "a file touched": lambda: os.utime(raw),
    }[what]()


def _rewrite(path: Path, text: str) -> None:
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "what",
    [
        *("appended", "rewritten", "another file", "gone"),
        *("a result gone", "a result changed", "a file touched"),
    ],
)
def test_a_change_is_noticed(place: Path, what: str) -> None:
    config = config_of(place)
    assert unchanged_since(config, place)
    change(place, what)
    assert unchanged_since(config, place) is None


def test_other_settings_and_code_are_noticed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unchanged_since(
        config_of(place, "retry.attempts=9", "notify.on=always", "lock.wait_seconds=9"), place
    )
    assert unchanged_since(config_of(place, "seed=1"), place)
    assert unchanged_since(config_of(place, "data.min_count=4"), place) is None
    assert unchanged_since(config_of(place, "verify=content"), place) is None
    monkeypatch.setattr(flows.unchanged, "digest_file", lambda path: "other code")
    assert unchanged_since(config_of(place), place) is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"key": 1, "files": null}'])
def test_damaged_marks_are_no_marks(place: Path, text: str) -> None:
    flows.unchanged.marks_of(place, "mine").write_text(text)
    assert unchanged_since(config_of(place), place) is None


def test_what_changed_meanwhile_is_not_vouched_for(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(place)
    before = raw_marks(config, place)
    change(place, "appended")
    remember(config, place, before)
    assert unchanged_since(config, place) is None
    remember(config, place, raw_marks(config, place))
    assert unchanged_since(config, place)
    monkeypatch.setattr(flows.unchanged, "SETTLED_NS", 2 * 10**9)  # written a moment ago
    remember(config, place, raw_marks(config, place))
    assert unchanged_since(config, place) is None


def test_the_first_night_is_remembered_though_there_is_no_history_yet(place: Path) -> None:
    config = config_of(place)
    shutil.rmtree(nights_of(place, "mine").parent)
    remember(config, place, raw_marks(config, place))
    assert unchanged_since(config, place)


def test_the_record_is_small(place: Path) -> None:
    record: dict[str, Any] = json.loads(flows.unchanged.marks_of(place, "mine").read_text())
    assert len(record["files"]) == 5
