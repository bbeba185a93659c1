"""docs/new-domain.md does what it says."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import polars as pl

from tests.flows.calling import BASREC
from tests.prefect_home import prefect_home

DOC = Path(__file__).parents[2] / "docs" / "new-domain.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOC.read_text(), flags=re.DOTALL)


def test_every_line_of_the_guide_works(tmp_path: Path) -> None:
    for source in blocks("python"):
        subprocess.run([sys.executable, "-c", source], cwd=tmp_path, check=True)
    (tmp_path / "plays.yaml").write_text(blocks("yaml")[0])
    environment = os.environ | {"PREFECT_HOME": prefect_home(tmp_path)}
    lines = [line for text in blocks("sh") for line in text.splitlines()]
    told = {}
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "basrec"
        command = [*BASREC, *words[1:]]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr)
        told[line] = done.stdout
    assert "bad_time 1" in told[lines[0]]
    assert "protocol.repeats" in told[lines[3]]
    prepared = tmp_path / "data" / "prepared" / "plays"
    assert pl.read_parquet(prepared / "rejects.parquet")["reason"].to_list() == ["bad_time"]
    assert "listener 3" in pl.read_parquet(prepared / "users.parquet")["user"].to_list()
    assert (tmp_path / "data" / "runs" / "plays-basrec" / "metrics.json").is_file()
    assert "Dataset passport" in (tmp_path / "report.html").read_text()
