"""A disk that is full, or may not be written to: what was there stays, and nothing half appears."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import basrec.errors
import pipeline.errors
from basrec.training import train
from pipeline.config import NeighbourConfig
from pipeline.interactions import ingest
from pipeline.manifest import verify_outputs
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from pipeline.sample import write_sample
from tests.end_to_end.faults import DATA, TRAIN, contents, weights

MACHINE = (basrec.errors.MachineError, pipeline.errors.MachineError)
INPUT = (basrec.errors.InputError, pipeline.errors.InputError)
Disk = tuple[Path, Callable[[str], None]]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Give a disk of 4 MiB, and a function to mount it anew with other options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"not allowed to mount a disk: {done.stderr.strip()}")

    mount("size=4m")
    yield place, lambda option: mount("remount", option)
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def steps_on(place: Path, prepared: Path) -> list[Callable[[int], Any]]:
    """Give each stage as a function of a number; another number, another result."""
    raws = [prepared.parent / "sample.json.gz", prepared.parent / "other.json.gz"]
    write_sample(raws[1], 1200, 8)
    ingested = prepared.parent / "ingested"

    def neighbours(number: int) -> None:
        add_neighbours(place / "prepared", NeighbourConfig(top=5 + number), DATA.memory, 1)

    return [
        lambda number: ingest([raws[number]], place / "ingested", DATA),
        lambda number: prepare(
            ingested, place / "prepared", DATA.model_copy(update={"ties": ("file", "item")[number]})
        ),
        neighbours,
        lambda number: train(
            prepared, place / "run", TRAIN.model_copy(update={"seed": number}), resume="auto"
        ),
    ]


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_leaves_what_was_there_and_nothing_half(disk: Disk, prepared: Path) -> None:
    place, _ = disk
    steps = steps_on(place, prepared)
    for step in steps:
        step(0)
    before = contents(place)
    names = {"ingested", "prepared", "run", "ballast", "run.partial"}
    failed = dict.fromkeys(range(len(steps)), 0)
    for room_kib in (0, 4, 12, 20, 40, 200, 500):
        for number, step in enumerate(steps):
            shutil.rmtree(place / "run.partial", ignore_errors=True)
            free = os.statvfs(place).f_bavail * 4096 - room_kib * 1024
            (place / "ballast").write_bytes(bytes(max(0, free)))
            try:
                step(1)
            except MACHINE as exc:
                failed[number] += 1
                assert "No space left" in str(exc) or "full" in str(exc) or "written" in str(exc)
                assert contents(place).items() >= before.items()
            else:
                (place / "ballast").unlink()
                step(0)
                before = contents(place)
            (place / "ballast").unlink(missing_ok=True)
            assert {path.name for path in place.iterdir()} <= names
    assert min(failed.values()) >= 2, failed
    for step in steps:
        step(1)
    verify_outputs(place / "ingested", "ingest")
    verify_outputs(place / "prepared", "prepare")


def test_a_training_that_a_full_disk_stopped_goes_on(
    disk: Disk, prepared: Path, whole: Path
) -> None:
    place, _ = disk

    def fill(line: dict[str, Any]) -> None:
        if line["epoch"] == 2:
            (place / "ballast").write_bytes(bytes(os.statvfs(place).f_bavail * 4096))

    with pytest.raises(basrec.errors.MachineError):
        train(prepared, place / "run", TRAIN, on_epoch=fill)
    assert not (place / "run").exists()
    (place / "ballast").unlink()
    lines: list[dict[str, Any]] = []
    train(prepared, place / "run", TRAIN, resume=True, on_epoch=lines.append)
    assert [line["epoch"] for line in lines] == [3]
    assert weights(place / "run") == weights(whole)


def test_a_read_only_folder_is_refused_and_can_be_read(disk: Disk, prepared: Path) -> None:
    place, remount = disk
    steps = steps_on(place, prepared)
    for step in steps:
        step(0)
    before = contents(place)
    remount("ro")
    for step in steps:
        with pytest.raises(INPUT, match=r"Read-only file system\)?[;:]? .*another folder"):
            step(1)
    assert contents(place) == before
    train(place / "prepared", place.with_name("elsewhere"), TRAIN)
    assert all(step(0) for step in (steps[0], steps[1], steps[3]))  # what is done is reused
