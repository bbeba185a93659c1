"""The process that does one step of a sweep: `python -m flows.cell`, told by a line of JSON.

It tells each epoch as a line on stdout, and an error as the last line of stderr. When the sweep
that started it ends in any way, its stdin closes, and it ends too.
"""

import fcntl
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.errors import end_on_sigterm, told_in_one_line
from flows.progress import show_warnings

GRACE_SECONDS = 20.0


def main() -> None:
    """Do the step that stdin orders."""
    end_on_sigterm()
    show_warnings()
    with told_in_one_line():
        order = json.loads(sys.stdin.readline())
        threading.Thread(target=_end_with_the_sweep, daemon=True).start()
        with _alone(Path(order["lock"])):
            work(order)


def work(order: dict[str, Any]) -> None:
    """Train or generate, and note the memory that it took."""
    from basrec.config import TrainConfig
    from basrec.files import write_json
    from basrec.generation import generate
    from basrec.results import COST
    from basrec.training import train

    config = TrainConfig.model_validate(order["config"])
    paths = {name: Path(order[name]) for name in ("start_from", "generated") if order[name]}
    prepared, out = Path(order["prepared"]), Path(order["out"])
    if order["kind"] == "generate":
        told = generate(prepared, out, config, resume="auto", on_epoch=_tell)
    else:
        told = train(prepared, out, config, resume="auto", on_epoch=_tell, **paths)
    if not told["reused"]:
        write_json(out / COST, {"peak_memory_mib": round(_peak_mib(), 1)})


def _tell(line: dict[str, Any]) -> None:
    told = {name: line[name] for name in ("stage", "epoch", "epochs", "seconds")}
    told["validation"] = (line["validation"] or {}).get("NDCG@10")
    print(json.dumps(told), flush=True)


def _peak_mib() -> float:
    """Give the most memory of this process.

    Linux's ru_maxrss counts the process that started it too; VmHWM does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait for another sweep that does the same step, or for what is left of a killed one."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _end_with_the_sweep() -> None:
    """Wait until stdin closes, then end as on SIGTERM; read below Python's own locks."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(130)


if __name__ == "__main__":
    main()
