"""Rebuild night after night on data that grow, killed at random, to what one clean rebuild makes.

    python benchmarks/soak.py WORK OUT.json [--nights 50] [--kills 40] [--seed 1] [--rows 12000]
        [--program-each 7] [--tolerance 0.3]

Every night is `basrec run` with publishing in a process of its own, and then `basrec gc --delete`.
Every seventh is started as a program, with a Prefect server of its own; the others are forked off a
process that has imported what they need, and use one server that stands. Before each night but
every tenth the raw folder gets some rows more: at the end of its newest file or, each third time,
as a further file. A kill is SIGKILL at a random moment: to the whole process group, to the main
process alone, or to its own Prefect server; the night is then run again. After each kill it is
checked that no process is left, that what is published is whole, and that nothing lies there that
`basrec gc` would not find.
"""

import argparse
import gzip
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from about import ROOT, about
from soak_checks import check_published, mib, seconds_until_gone, shape, unseen
from soak_rebuilds import BASREC, KINDS, Rebuilds, Running

from flows.json_lines import read_lines
from flows.own_server import start_server
from flows.run import quieten_prefect
from pipeline.sample import write_sample

CONFIG = """
name: soak
raw: {raw}
methods: [base, basrec]
device: cpu
kernels: plain
data: {{format: amazon_2018, min_count: 3}}
model: {{embedding_size: 16, max_length: 20, sasrec: {{inner_size: 32}}}}
train: {{batch_size: 128, stage1: {{epochs: 6}}, stage2: {{epochs: 4}}, checkpoint_seconds: 0}}
publish: {{enabled: true, tolerance: {tolerance}, max_shrink: 0.01, keep: 3}}
"""
FIRST = 0.6
"""Share of the rows that the first night has."""
OUTCOMES = {
    "nothing new": "rebuild: nothing new",
    "published": "publish: version",
    "unchanged": "publish: this run is version",
    "refused": "not published:",
}
Facts = dict[str, Any]


class Soak:
    """A folder with raw files, a config and a data folder, and what its nights have come to."""

    def __init__(self, work: Path, rows: int, seed: int, each: int, tolerance: float) -> None:
        self.work, self.data, self.raw = work, work / "data", work / "raw"
        self.rebuilds = Rebuilds(work)
        self.random = np.random.default_rng(seed)
        self.usual: set[str] = set()
        self.seconds = {"fork": (2.0, 15.0), "program": (15.0, 15.0)}
        """Of the fastest rebuild that was left in peace: to its first line, and from there on."""
        self.program_each = each
        self.raw.mkdir(parents=True)
        write_sample(work / "sample.json.gz", rows, seed)
        with gzip.open(work / "sample.json.gz", "rt") as file:
            self.lines = file.readlines()
        self.given = 0
        config = CONFIG.format(raw=self.raw.resolve(), tolerance=tolerance)
        (work / "soak.yaml").write_text(config)

    def grow(self, night: int, nights: int) -> str:
        """Add rows to the raw folder, as a service that exports its newest ones would."""
        if night % 10 == 0 and night < nights:
            return "nothing"
        share = FIRST + (1 - FIRST) * (night - 1) / max(nights - 1, 1)
        number = round(len(self.lines) * share)
        files = sorted(self.raw.glob("*.json"))
        is_further = not files or night % 3 == 0
        file = self.raw / f"part-{len(files) + 1:03d}.json" if is_further else files[-1]
        with file.open("a") as out:
            out.writelines(self.lines[self.given : number])
        self.given = number
        return "a further file" if is_further else "rows at the end of a file"

    def _start(self, data: Path, kind: str) -> Running:
        return self.rebuilds.start(["run", str(self.work / "soak.yaml"), "--data", str(data)], kind)

    def finish(self, data: Path, kind: str) -> Facts:
        """Rebuild without a kill; give what came of it."""
        began, log = time.monotonic(), data / "logs" / "soak.jsonl"
        stages = len(read_lines(log)) if log.exists() else 0
        running = self._start(data, kind)
        running.wait_until(running.has_spoken)
        begun = time.monotonic()
        running.wait_until(lambda: False)
        ended, code, said = time.monotonic(), running.code(), running.said()
        found = [name for name, text in OUTCOMES.items() if text in said]
        outcome = found[-1] if found else "failed"
        if outcome in ("published", "refused"):
            before, during = self.seconds[kind]
            self.seconds[kind] = (min(before, begun - began), min(during, ended - begun))
        facts: Facts = {"outcome": outcome, "exit": code, "seconds": round(ended - began, 1)}
        facts["why"] = said.splitlines()[-1] if code else None
        peaks = [line["peak_memory_mib"] for line in read_lines(log)[stages:]]
        facts["peak MiB"] = round(max(peaks)) if peaks else None
        facts["seconds until nothing runs"] = seconds_until_gone(running.pid, self.rebuilds.home)
        return facts

    def kill(self, kind: str) -> Facts:
        """Rebuild, and kill it at a random moment, three times in four one after its first line."""
        whom = str(self.random.choice(KINDS[kind]))
        is_late, moment = self.random.random() < 0.75, self.random.random()
        began, running = time.monotonic(), self._start(self.data, kind)
        if is_late:
            running.wait_until(running.has_spoken)
        running.wait_until(lambda: False, moment * self.seconds[kind][is_late])
        facts: Facts = {"whom": whom, "after seconds": round(time.monotonic() - began, 2)}
        facts["last line"] = running.said().splitlines()[-1] if running.said() else ""
        if running.code() is not None:
            return facts | {"whom": "nobody: it had ended", "exit": running.code()}
        if not running.kill(whom):  # a group or a server that is not there yet
            facts["whom"] = "main"
            running.kill("main")
        running.wait_until(lambda: False)
        facts["exit"] = running.code()
        if facts["exit"] != -signal.SIGKILL:
            facts["told"] = running.said().splitlines()[-1]
        facts["seconds until nothing runs"] = seconds_until_gone(running.pid, self.rebuilds.home)
        facts["published is whole"] = check_published(self.published) is not None
        self._check_nothing_unseen()
        return facts

    def _check_nothing_unseen(self) -> None:
        if self.usual:
            assert not (odd := unseen(self.data, self.usual)), f"not found by gc: {odd}"

    @property
    def published(self) -> Path:
        """Where the versions are."""
        return self.data / "published" / "soak"

    def night(self, number: int, nights: int, kills: int) -> Facts:
        """Grow, kill so many times, rebuild, clear away, and look at what is there."""
        facts: Facts = {"night": number, "new": self.grow(number, nights), "rows": self.given}
        kind = "program" if (number - 1) % self.program_each == 0 else "fork"
        facts["started as"] = kind
        facts["kills"] = [self.kill(kind) for _ in range(kills)]
        facts |= self.finish(self.data, kind)
        if number == nights and facts["outcome"] == "refused":  # as one who looked at it would
            facts["published by hand"] = self.basrec("publish", "--set", "publish.tolerance=1")
        facts["gc"] = self.basrec("gc", "--delete").splitlines()[-1]
        check_published(self.published)
        self._check_nothing_unseen()
        if not kills:
            self.usual |= shape(self.data)
        left = {"current": (self.published / "current").readlink().name}
        left["data MiB"] = mib(self.data)
        return facts | left

    def basrec(self, *words: str) -> str:
        """Run another command on the data folder."""
        target = [str(self.work / "soak.yaml")] if words[0] == "publish" else []
        command = [*BASREC, words[0], *target, *words[1:], "--data", str(self.data)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()


def main() -> None:
    """Run the nights and then a clean rebuild; fail where anything does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    for name, value in (("nights", 50), ("kills", 40), ("seed", 1), ("rows", 12_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--program-each", type=int, default=7)
    parser.add_argument("--tolerance", type=float, default=0.3)
    told = parser.parse_args()
    os.environ |= {"PREFECT_HOME": str((told.work / "prefect").resolve()), "PYTHONPATH": str(ROOT)}
    os.environ.pop("PREFECT_API_URL", None)
    quieten_prefect()
    soak = Soak(told.work, told.rows, told.seed, told.program_each, told.tolerance)
    start_server()()
    # The first night is left in peace: it shows what a data folder usually holds.
    struck = soak.random.integers(2, told.nights + 1, size=told.kills)
    result: Facts = about("basrec", "pipeline", "flows", "benchmarks") | {"config": CONFIG}
    result["nights"] = nights = []
    for night in range(1, told.nights + 1):
        nights.append(soak.night(night, told.nights, int((struck == night).sum())))
        told.out.write_text(json.dumps(result, indent=1) + "\n")
        print(json.dumps(nights[-1]), flush=True)
        assert nights[-1]["outcome"] != "failed", nights[-1]
    result["garbage of all ages"] = soak.basrec("gc", "--older-than", "0").splitlines()
    fresh = told.work / "fresh"
    result["clean rebuild"] = soak.finish(fresh, "program")
    digests = [check_published(place / "published" / "soak") for place in (soak.data, fresh)]
    result["digests"] = dict(zip(("after the nights", "clean"), digests, strict=True))
    result["same digest"] = digests[0] == digests[1]
    result["ended"] = about()["date"]
    told.out.write_text(json.dumps(result, indent=1) + "\n")
    shutil.rmtree(fresh)
    assert result["same digest"], digests


if __name__ == "__main__":
    main()
