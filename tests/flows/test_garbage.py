"""gc on a made-up data folder: each rule, what stays, dry and real, links, locks."""

import csv
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.garbage import find_garbage
from flows.lock import Held, alone, among_others, folder_lock, lock_beside
from pipeline.errors import InputError
from tests.flows.test_lock import hold


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def make_run(folder: Path, key: str, stage1: str, method: str, generated: str = "") -> None:
    told = {"key": key, "stage1_key": stage1, "config": {"method": method}}
    write(folder / "manifest.json", json.dumps(told))
    if generated:
        write(folder / "generated" / "manifest.json", json.dumps({"key": generated}))


def make_version(folder: Path, number: int, place: str = "", run: str = "") -> None:
    version = folder / place / f"{number:06d}"
    write(version / "run" / "weights")
    if not place:
        before = f"{number - 1:06d}"
        told = {"files": {}, "before": before, "keep": 2, "run": {"folder": run}}
        write(version / "publication.json", json.dumps(told))


GARBAGE = {
    "prepared/.a-1b_d5f7h": "left by a process that was killed",
    "prepared/.a-1b_d5f7h.old": "left by a process that was killed",
    "prepared/.engine-abcdefgh": "left by a process that was killed",
    "runs/a/killed.partial": "left by a process that was killed",
    "runs/a/base.old": "left by a process that was killed",
    "runs/a/base/config.yaml.tmp": "left half-written",
    "runs/a/base/config.yaml.tmp-0123abcd": "left half-written",
    "runs/a/sweeps/basrec-2.copy": "left by a process that was killed",
    "runs/a/sweeps/base-7": "no sweep lists it",
    "runs/a/sweeps/basrec-7": "no sweep lists it",
    "generated/a/asrep-gone": "its run is gone",
    "generated/a/sweeps/asrep-9": "no run uses it",
    "runs/gone/search": "its search is gone",
    "published/a/000001": "older than the last 2",
    "published/a/refused/000002": "older than the last 2",
    "published/a/.current-abcdefgh": "left by a process that was killed",
}
KEPT = (
    *("raw/a/dump.gz", "raw/a/dump.part", "raw/a/.a-abcdefgh/x", "ingested/a/x", "prepared/a/x"),
    *("prepared/.b-abcdefgh.old/x", "runs/b/base.old/x"),  # the only whole one
    *("runs/a/base/manifest.json", "runs/a/base.copy/x", "runs/a/search/manifest.json"),
    *("runs/kept/search/trial-0000/x", "searches/kept/study.log", "sweeps/s/results.csv"),
    *("runs/a/sweeps/base-1/manifest.json", "runs/a/sweeps/basrec-1/manifest.json"),
    *("runs/a/sweeps/asrep-1/manifest.json", "runs/a/sweeps/other-1/manifest.json"),
    *("generated/a/sweeps/asrep-1/manifest.json", "generated/a/base/manifest.json"),
    *("published/a/000003/run/weights", "published/a/000004/run/weights"),
    *("published/a/000007/run/weights", "published/a/000008/run/weights"),
    *("published/a/refused/000005/run/weights", "published/a/refused/000006/run/weights"),
    *("notes.txt", "runs/a/report.html"),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Make a data folder of two days ago, with garbage of every kind."""
    data = tmp_path / "data"
    for name in KEPT:
        write(data / name)
    for name in GARBAGE:
        write(data / name if ".tmp" in name else data / name / "x")
    runs = data / "runs" / "a"
    make_run(runs / "base", "k0", "s0", "base")
    make_run(runs / "sweeps" / "basrec-1", "k1", "s1", "basrec")
    make_run(runs / "sweeps" / "base-1", "k2", "s1", "base")  # what basrec-1 began with
    make_run(runs / "sweeps" / "asrep-1", "k3", "s3", "asrep", generated="g1")
    make_run(runs / "sweeps" / "other-1", "k4", "s4", "basrec")  # published
    make_run(runs / "sweeps" / "base-7", "k5", "s5", "base")
    make_run(runs / "sweeps" / "basrec-7", "k6", "s1", "basrec")
    for name in ("asrep-gone", "base", "sweeps/asrep-1", "sweeps/asrep-9"):
        key = "g1" if name.endswith("-1") else "g9"
        write(data / "generated" / "a" / name / "manifest.json", json.dumps({"key": key}))
    listed = [f"runs/a/sweeps/{name}" for name in ("basrec-1", "asrep-1")]
    with (data / "sweeps" / "s" / "results.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["cell", "run"], *(("c", run) for run in listed), ("c", "")])
    (data / "runs" / "gone" / "search" / "x").rename(data / "runs" / "gone" / "search" / "trial-1")
    for number in (1, 3, 4, 7, 8):
        make_version(data / "published" / "a", number, run="runs/a/sweeps/other-1")
    # 4 is current; a rollback would go to 3; 7 and 8 are the last two.
    (data / "published" / "a" / "current").symlink_to("000004")
    whole(data / "published" / "a" / "000003")
    set_age(data, 2)
    return data


def whole(version: Path) -> None:
    from basrec.files import digest_file

    told = json.loads((version / "publication.json").read_text())
    told["files"] = {"run/weights": digest_file(version / "run" / "weights")}
    (version / "publication.json").write_text(json.dumps(told))


def set_age(data: Path, days: float) -> None:
    then = time.time() - days * 86_400
    for path in [data, *data.rglob("*")]:
        os.utime(path, (then, then), follow_symlinks=False)


def found(data: Path, **options: float) -> dict[str, str]:
    return {str(g.path.relative_to(data)): g.why for g in find_garbage(data, **options)[0]}  # type: ignore[arg-type]


def gc(data: Path, *options: str) -> str:
    shown = CliRunner().invoke(app, ["gc", "--data", str(data), *options])
    assert shown.exit_code == 0, shown.exception
    return shown.output


def everything(data: Path) -> set[str]:
    return {str(path.relative_to(data)) for path in data.rglob("*")} - {"locks"}


def test_each_rule_finds_what_nothing_refers_to_and_nothing_else(data: Path) -> None:
    assert found(data) == GARBAGE


def test_it_shows_first_and_removes_when_told(data: Path) -> None:
    before = everything(data)
    shown = gc(data)
    assert all(name in shown and why in shown for name, why in GARBAGE.items())
    assert f"{len(GARBAGE)} things" in shown and "to be removed with --delete" in shown
    assert everything(data) == before
    assert f"{len(GARBAGE)} things" in gc(data, "--delete")
    gone = {name for name in before if any(name == g or name.startswith(f"{g}/") for g in GARBAGE)}
    assert everything(data) == before - gone
    assert all((data / name).exists() for name in KEPT)
    assert "nothing to remove" in gc(data)


def test_what_was_just_written_to_stays(data: Path) -> None:
    write(data / "runs" / "a" / "killed.partial" / "checkpoint.pt")
    assert set(GARBAGE) - set(found(data)) == {"runs/a/killed.partial"}
    assert "1 more were written to in the last 24 hours" in gc(data)
    assert found(data, older_than_hours=0) == GARBAGE
    set_age(data, -3)  # the clock has gone back
    by_number = {name for name, why in GARBAGE.items() if why.startswith("older")}
    assert set(found(data)) == by_number
    assert found(data, older_than_hours=0) == GARBAGE


def test_so_many_versions_stay_as_are_asked_for(data: Path) -> None:
    assert not any(name.startswith("published/a/0") for name in found(data, keep=5))
    assert "published/a/000007" in found(data, keep=1)
    assert {"published/a/000003", "published/a/000004"} & set(found(data, keep=1)) == set()


def test_links_are_not_removed_but_what_they_lead_to_counts(data: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside / "killed.partial" / "x")
    (data / "runs" / "a" / "away.partial").symlink_to(outside)
    (data / "runs" / "linked").symlink_to(outside)
    (data / "sweeps").rename(tmp_path / "sweeps")
    (data / "sweeps").symlink_to(tmp_path / "sweeps")
    set_age(outside, 2)
    assert found(data, older_than_hours=0) == GARBAGE
    gc(data, "--delete", "--older-than", "0")
    assert (outside / "killed.partial" / "x").exists()
    assert (data / "runs" / "a" / "away.partial").is_symlink()


def test_unreadable_results_stop_it(data: Path) -> None:
    write(data / "sweeps" / "s" / "results.csv", "something,else\n1,2\n")
    with pytest.raises(InputError, match="nobody knows which runs it lists"):
        find_garbage(data)


def test_it_stays_out_while_others_work(data: Path) -> None:
    child: subprocess.Popen[str] = hold(data, 600)
    shown = CliRunner().invoke(app, ["gc", "--data", str(data), "--delete"])
    assert isinstance(shown.exception, Held) and f"process {child.pid} on" in str(shown.exception)
    child.kill()
    child.wait()
    with among_others(folder_lock(data), "a sweep"):  # no one's name is known
        shown = CliRunner().invoke(app, ["gc", "--data", str(data)])
    assert isinstance(shown.exception, Held)
    assert set(found(data)) == set(GARBAGE)


def test_a_folder_whose_owner_lives_stays(data: Path) -> None:
    with alone(lock_beside(data / "runs" / "a" / "killed"), "basrec train"):
        assert set(GARBAGE) - set(found(data)) == {"runs/a/killed.partial"}


def test_no_data_folder_is_an_error(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["gc", "--data", str(tmp_path / "none")])
    assert isinstance(shown.exception, InputError)


def test_results_that_name_no_path_are_told(tmp_path: Path) -> None:
    place = tmp_path / "sweeps" / "x"
    place.mkdir(parents=True)
    (place / "results.csv").write_text("run,seed\nruns/\0/x,1\n")
    with pytest.raises(InputError, match="cannot be read"):
        find_garbage(tmp_path)
