"""A short run of benchmarks/fuzz.py: whatever is read is taken, or refused in a line."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGETS = ("lines amazon_2014", "run config", "checkpoint", "published")


def test_what_others_wrote_is_taken_or_refused_in_a_line(tmp_path: Path) -> None:
    words = [word for target in TARGETS for word in ("--only", target)]
    command = [
        sys.executable,
        "benchmarks/fuzz.py",
        str(tmp_path / "work"),
        str(tmp_path / "out.json"),
    ]
    done = subprocess.run(
        [*command, "--inputs", "2000", "--seed", "7", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=900,
    )
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["failed"] == 0 and told["inputs"] >= 2000 and done.returncode == 0, done.stdout
    for target in TARGETS:
        assert told["targets"][target]["taken"] and told["targets"][target]["refused"], target
