"""Faults of the machine, tried for real: what was there stays, and nothing half appears."""

import gzip
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

import pipeline.errors
from basrec.files import digest_file
from basrec.run_folder import find_finished
from flows.children import Children
from pipeline.interactions import ingest
from pipeline.manifest import verify_outputs
from pipeline.sample import write_sample
from tests.end_to_end.conftest import serving
from tests.end_to_end.faults import DATA, TRAIN, contents, order_of, weights
from tests.flows.calling import BASREC
from tests.prefect_home import prefect_home

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


def test_a_clock_that_goes_backwards_changes_nothing(
    prepared: Path, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not FAKETIME.exists():
        pytest.skip("libfaketime is not installed")
    clock = tmp_path / "clock"
    clock.write_text("+30d")
    for name, value in {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }.items():
        monkeypatch.setenv(name, value)
    lines: list[dict[str, Any]] = []

    def set_back(line: dict[str, Any]) -> None:
        lines.append(line)
        clock.write_text(f"-{line['epoch']}00d")

    order = order_of(prepared, tmp_path / "run", TRAIN)
    Children().run(order, set_back)
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert all(0 <= line["seconds"] < 60 for line in lines)
    assert weights(tmp_path / "run") == weights(whole)
    Children().run(order, set_back)
    assert len(lines) == 3  # the run of a later day is reused
    raw = prepared.parent / "sample.json.gz"
    command = [*BASREC, "ingest", str(raw), "--out", str(tmp_path / "ingested")]
    told = subprocess.run([*command, "--format", "amazon_2018"], capture_output=True, check=True)
    assert told and verify_outputs(tmp_path / "ingested", "ingest").seconds >= 0


@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_a_raw_file_that_grows_while_it_is_read_is_refused(kind: str, tmp_path: Path) -> None:
    raw, out, stop = tmp_path / "raw", tmp_path / "ingested", threading.Event()
    write_sample(tmp_path / "sample.json.gz", 1500, 7)
    lines = gzip.decompress((tmp_path / "sample.json.gz").read_bytes())
    raw.write_bytes(lines if kind == "plain" else gzip.compress(lines))
    ingest([raw], out, DATA)
    before, size = contents(out), raw.stat().st_size
    more = lines[: lines.index(b"\n") + 1]

    def grow() -> None:
        while not stop.is_set():
            with raw.open("ab") as file:
                file.write(more if kind == "plain" else gzip.compress(more))

    thread = threading.Thread(target=grow)
    thread.start()
    while raw.stat().st_size == size:
        pass
    try:
        with pytest.raises(pipeline.errors.InputError, match=f"^{raw}: changed while it was read"):
            ingest([raw], out, DATA)
    finally:
        stop.set()
        thread.join()
    assert contents(out) == before
    assert ingest([raw], out, DATA).inputs == {"1 raw": digest_file(raw)}
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "ingested", "sample.json.gz"}


def flow(place: Path, home: str = "", **environment: str) -> subprocess.Popen[str]:
    """Start the flow that trains on what lies in `place`, with the Prefect of a `home`."""
    settings = ["dataset=sample", "name=tiny", "methods=[base]", "device=cpu", "kernels=plain"]
    settings += ["model.embedding_size=16", "train.batch_size=8", "train.stage1.epochs=20"]
    sets = [word for setting in settings[1:] for word in ("--set", setting)]
    return subprocess.Popen(
        [*BASREC, "run", "--dataset", "sample", "--flow", "train", "--data", str(place), *sets],
        env=os.environ | {"PREFECT_HOME": home or prefect_home(place), **environment},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def test_a_damaged_database_of_prefect_is_one_line_and_may_be_removed(
    prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared, tmp_path / "prepared" / "tiny")
    database = tmp_path / "prefect" / "prefect.db"
    database.parent.mkdir()
    database.write_bytes(b"no database" * 1000)
    seconds = {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "10"}
    process = flow(tmp_path, str(database.parent), **seconds)
    told = process.communicate(timeout=200)[1]
    assert process.returncode == 1 and "Traceback" not in told
    assert told.strip().splitlines()[-1].startswith("error: Prefect's own server does not start")
    shutil.rmtree(database.parent)
    process = flow(tmp_path, str(database.parent))
    told = process.communicate(timeout=200)[1]
    assert process.returncode == 0, told


def test_a_run_whose_server_is_killed_is_done_nevertheless(prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "prepared" / "tiny")
    with serving(tmp_path / "server") as (server, address):
        process = flow(tmp_path, PREFECT_API_URL=address, PREFECT_CLIENT_MAX_RETRIES="0")
        assert process.stderr
        for line in process.stderr:
            if "epoch 2/" in line:
                server.kill()
                break
        told = process.communicate(timeout=200)[1]
    assert process.returncode == 1 and "Traceback" not in told
    assert "error: Prefect's server fails" in told
    (run,) = (tmp_path / "runs" / "tiny").iterdir()
    key = json.loads((run / "manifest.json").read_text())["key"]
    assert find_finished(run, key)  # so the next call has nothing to do
