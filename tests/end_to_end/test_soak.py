"""Some nights of the soak (benchmarks/soak.py), which checks itself what must hold after a kill."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prefect_home import prefect_home
from tests.test_layout import ROOT


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")
def test_nights_with_kills_come_to_what_one_clean_rebuild_makes(tmp_path: Path) -> None:
    place, out = tmp_path / "work", tmp_path / "soak.json"
    prefect_home(place)
    command = [sys.executable, str(ROOT / "benchmarks" / "soak.py"), str(place), str(out)]
    options = ["--nights", "3", "--kills", "2", "--seed", "2", "--rows", "6000"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())
    assert told["same digest"] and len(told["nights"]) == 3
    kills = [kill for night in told["nights"] for kill in night["kills"]]
    assert any(kill["exit"] == -9 for kill in kills)
    assert told["nights"][-1]["current"] != told["nights"][0]["current"]  # data grew: published
