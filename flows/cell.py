"""The process that does one step of a sweep: `python -m flows.cell`, told by a line of JSON.

It tells each epoch as a line on stdout, and an error as the last line of stderr. When the sweep
that started it ends in any way, its stdin closes, and it ends too.
"""

import json
import sys
from pathlib import Path
from typing import Any

from flows.errors import end_on_sigterm, told_in_one_line
from flows.lock import FOREVER, alone
from flows.memory import peak_mib
from flows.progress import show_warnings
from flows.supervised import end_with_parent


def main() -> None:
    """Do the step that stdin orders."""
    end_on_sigterm()
    show_warnings()
    with told_in_one_line():
        order = json.loads(sys.stdin.readline())
        end_with_parent()
        # Another sweep may do the same step, or what is left of one that was killed.
        with alone(Path(order["lock"]), "this step", FOREVER):
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
        write_json(out / COST, {"peak_memory_mib": round(peak_mib(), 1)})


def _tell(line: dict[str, Any]) -> None:
    told = {name: line[name] for name in ("stage", "epoch", "epochs", "seconds")}
    told["validation"] = (line["validation"] or {}).get("NDCG@10")
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
