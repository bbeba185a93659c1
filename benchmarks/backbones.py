"""Train one seed of each backbone, base and BASRec, until validation stops rising; keep histories.

    python benchmarks/backbones.py PREPARED WORK OUT.json [--backbones sasrec,gru4rec] [--seed 1]
        [--methods base,basrec] [--set KEY=VALUE ...]

Settings are the published ones for Beauty under preset `reference`, with one shared output for
partners' padding and validation from the first epoch on. Runs lie in WORK and go on where they
stopped; OUT is written after each.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from about import about
from trainer import published

from basrec.evaluation import read_metrics
from basrec.run_folder import read_history
from basrec.training import train

SETTINGS = ("augmentation.partner_padding=shared", "train.stage2.first_validation=1")


def run(prepared: Path, work: Path, method: str, given: list[str]) -> dict[str, Any]:
    """Train, and give metrics and every epoch."""
    config = published(method, *SETTINGS, *given)
    out = work / f"{method}-{config.model.backbone}-{config.seed}"
    base = work / f"base-{config.model.backbone}-{config.seed}"
    start = base if method == "basrec" and base.exists() else None
    manifest = train(prepared, out, config, resume="auto", start_from=start)
    metrics = read_metrics(out)
    return {
        "method": method,
        "config": config.model_dump(mode="json"),
        "test": metrics["test"],
        "validation": metrics["validation"],
        "seconds": manifest["seconds"],
        "history": [_short(line) for line in read_history(out)],
    }


def _short(line: dict[str, Any]) -> dict[str, Any]:
    """Keep of an epoch what a curve needs."""
    names = ("HR@10", "NDCG@10", "NDCG@20")
    measured = line["validation"] or {}
    told = {name: round(measured[name], 6) for name in names if name in measured}
    losses = {name: round(value, 6) for name, value in line["losses"].items()}
    kept = {name: line[name] for name in ("stage", "epoch", "seconds")}
    kept |= {"losses": losses, "validation": told}
    return kept | ({"similarity": line["similarity"]} if line.get("similarity") else {})


def main() -> None:
    """Run what the command line names, writing the result after every run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--backbones", default="sasrec,gru4rec,nextitnet,fmlp")
    parser.add_argument("--methods", default="base,basrec")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[])
    told = parser.parse_args()
    told.work.mkdir(parents=True, exist_ok=True)
    result, runs = about("basrec"), []
    for backbone in told.backbones.split(","):
        given = [f"seed={told.seed}", f"model.backbone={backbone}", *told.set]
        for method in told.methods.split(","):
            runs.append(run(told.prepared, told.work, method, given))
            told.out.write_text(json.dumps(result | {"runs": runs}, indent=1) + "\n")
            print(backbone, method, runs[-1]["test"], flush=True)


if __name__ == "__main__":
    main()
