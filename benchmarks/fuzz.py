"""Fuzz everything that reads what others wrote: raw dumps, configs, and the folders of basrec.

    python benchmarks/fuzz.py WORK OUT.json [--inputs 100000] [--seed 1] [--only TARGET]
    python benchmarks/fuzz.py WORK OUT.json --replay TARGET NUMBER

An input is made from (seed, target, number) alone. Each may be taken, or refused by an error of
ours, which the command line tells in one line; what is refused must leave nothing behind. Anything
else is a failure: another error, want of memory, a crash, more than 20 seconds, or more
than 3 GiB of address space above what the process begins with. OUT.json is written after each
batch, and a later call with the same seed goes on from there; targets that have failed begin anew.
"""

import argparse
import faulthandler
import json
import math
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from about import about, git

LIMIT_SECONDS = 20.0
LIMIT_BYTES = 3 << 30
BATCH = 5000
TEMPORARY = re.compile(r"\..+-[a-z0-9_]{8}(\.old)?|.+\.tmp(-[0-9a-f]{8})?")
"""How folders and files are named that are being written."""
SHOWN_FAILURES = 20
OUTCOMES = ("taken", "refused", "failed")
NOTHING_YET: dict[str, Any] = {"peak_mib": 0, "seconds": 0.0, "commits": [], "failures": []}
FOLDERS = ("basrec", "benchmarks", "flows", "pipeline", "sql")


def work_off(target: str, seed: int, first: int, last: int, folder: Path, replay: bool) -> None:
    """Run inputs of one target in this process, and print an outcome a line."""
    os.environ |= {"TMPDIR": str(folder / "tmp"), "MPLCONFIGDIR": str(folder.parent)}
    (folder / "tmp").mkdir(parents=True)
    from fuzz_targets import TARGETS
    from fuzz_world import World

    import flows.errors

    warnings.simplefilter("ignore")
    shutil.copytree(folder.parent / "world", folder / "data", symlinks=True)
    world = World(folder.parent / "world", folder / "data", folder / "place")
    limit = _address_space() + LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(first, last):
        shutil.rmtree(world.place, ignore_errors=True)
        world.out.mkdir(parents=True)
        random = Random(f"{seed}/{target}/{number}")
        faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
        outcome: dict[str, Any] = {"number": number, "outcome": "taken"}
        try:
            TARGETS[target][0](world, random)
        except BaseException as exc:
            code = flows.errors.exit_code(exc)
            is_told = code == 1 and isinstance(exc, flows.errors.MACHINE)  # as documented
            outcome["outcome"] = "refused" if code == 2 or is_told else "failed"
            told = flows.errors.one_line(exc)
            if re.search("out of memory|ran out of", told):
                outcome["outcome"] = "failed"
            if outcome["outcome"] == "failed":
                outcome["told"] = f"{type(exc).__name__} (exit code {code}): {told[:200]}"
                outcome["where"] = _where(exc)
            if replay:
                print(f"{type(exc).__name__}: {told}"[:2000], file=sys.stderr)
                if code != 2:
                    traceback.print_exception(exc, limit=-12)
        faulthandler.cancel_dump_traceback_later()
        left = [str(path.relative_to(folder)) for path in _left_over(folder)]
        if left:
            outcome |= {"outcome": "failed", "told": f"left half-written: {left}", "where": "left"}
            for name in left:
                shutil.rmtree(folder / name, ignore_errors=True)
                (folder / name).unlink(missing_ok=True) if (folder / name).is_file() else None
        print(json.dumps(outcome), flush=True)
    print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


def _left_over(folder: Path) -> list[Path]:
    return [
        Path(here) / name
        for part in ("place", "data", "tmp")
        for here, folders, files in os.walk(folder / part)
        for name in (*folders, *files)
        if TEMPORARY.fullmatch(name) and Path(here) != folder / "data"  # where an engine works
    ]


def _where(exc: BaseException) -> str:
    """Name the last place of ours that an error came through: so kinds are told apart."""
    frames = traceback.extract_tb(exc.__traceback__)
    ours = [
        f for f in frames if Path(f.filename).parent.name in FOLDERS and "fuzz" not in f.filename
    ]
    frame = (ours or frames)[-1]
    return f"{Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.name}"


def _address_space() -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmSize:\s+(\d+)", status)[1]) << 10  # type: ignore[index]


def run_batch(target: str, seed: int, first: int, last: int, work: Path) -> dict[str, Any]:
    """Run inputs in a process of its own, and in another from behind each one that ends it."""
    told: dict[str, Any] = {"outcomes": Counter(), "failures": [], "peak_mib": 0}
    while first < last:
        with tempfile.TemporaryDirectory(dir=work, prefix="worker-") as folder:
            words = ["--worker", target, str(first), str(last), folder, "--seed", str(seed)]
            done = subprocess.run(
                [sys.executable, __file__, str(work), "-", *words], capture_output=True, text=True
            )
        for line in map(json.loads, done.stdout.splitlines()):
            if "peak_mib" in line:
                told["peak_mib"] = line["peak_mib"]
                continue
            told["outcomes"][line["outcome"]] += 1
            first = line["number"] + 1
            if line["outcome"] == "failed":
                told["failures"].append({"target": target, **line})
        if first < last:
            end = " | ".join(done.stderr.strip().splitlines()[-12:])
            if done.returncode == 1 and "Timeout" not in end and not done.stdout:
                raise SystemExit(f"{target}: the worker does not start: {end}")
            told["outcomes"]["failed"] += 1
            why = f"the process ended ({done.returncode}): {end}"[:1500]
            told["failures"].append(
                {"target": target, "number": first, "told": why, "where": "end"}
            )
            first += 1
    return told


def fuzz(work: Path, out: Path, inputs: int, seed: int, only: list[str]) -> int:
    """Run all targets in turn, a batch at a time; give the number of failures."""
    from fuzz_targets import TARGETS
    from fuzz_world import make_world

    work = work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "made").exists():  # in its place, since runs name the folder of their data
        shutil.rmtree(work / "world", ignore_errors=True)
        make_world(work / "world")
        (work / "made").touch()
    chosen = {name: told[1] for name, told in TARGETS.items() if not only or name in only}
    targets = _begun(out, seed)
    for name, weight in chosen.items():
        wanted = math.ceil(weight * inputs / sum(chosen.values()))
        own = targets.setdefault(name, {**dict.fromkeys(OUTCOMES, 0), **NOTHING_YET})
        while (done := sum(own[outcome] for outcome in OUTCOMES)) < wanted:
            began = time.monotonic()
            batch = run_batch(name, seed, done, min(done + BATCH, wanted), work)
            for outcome in OUTCOMES:
                own[outcome] += batch["outcomes"][outcome]
            own["peak_mib"] = max(own["peak_mib"], batch["peak_mib"])
            own["seconds"] = round(own["seconds"] + time.monotonic() - began, 1)
            own["commits"] = sorted({*own["commits"], git("rev-parse", "--short", "HEAD")})
            own["failures"] = own["failures"] + batch["failures"]
            _write(out, seed, targets)
        print(
            f"{name}: {', '.join(f'{own[outcome]} {outcome}' for outcome in OUTCOMES)}", flush=True
        )
    failures = [each for name in chosen for each in targets[name]["failures"]]
    kinds = Counter((each["target"], each["where"]) for each in failures)
    for (target, where), count in kinds.most_common(SHOWN_FAILURES):
        first = next(f for f in failures if (f["target"], f["where"]) == (target, where))
        print(f"{count} x {target}: {where}: {first['told'][:300]}")
        print(f"    --replay {target!r} {first['number']}")
    return len(failures)


def _begun(out: Path, seed: int) -> dict[str, Any]:
    """Give what was done before with this seed, but for targets that have failed."""
    known = json.loads(out.read_text()) if out.exists() else {}
    targets: dict[str, Any] = known.get("targets", {}) if known.get("seed") == seed else {}
    return {name: own for name, own in targets.items() if not own["failures"]}


def _write(out: Path, seed: int, targets: dict[str, Any]) -> None:
    total = {outcome: sum(own[outcome] for own in targets.values()) for outcome in OUTCOMES}
    told = {**about(*FOLDERS), "seed": seed, "inputs": sum(total.values()), **total}
    beside = out.with_name(out.name + ".tmp")
    beside.write_text(json.dumps({**told, "targets": targets}, indent=2) + "\n")
    beside.replace(out)


def main() -> None:
    """Read the call and do it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "NUMBER"))
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.worker:
        target, first, last, folder = told.worker
        work_off(target, told.seed, int(first), int(last), Path(folder), replay=False)
    elif told.replay:
        number = int(told.replay[1])
        with tempfile.TemporaryDirectory(dir=told.work.absolute(), prefix="worker-") as folder:
            work_off(told.replay[0], told.seed, number, number + 1, Path(folder), replay=True)
    else:
        raise SystemExit(bool(fuzz(told.work, told.out, told.inputs, told.seed, told.only)))


if __name__ == "__main__":
    main()
