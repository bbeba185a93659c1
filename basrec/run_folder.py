"""The run folder: what is written while a run goes on, and how it appears when it is done.

A run works in `<out>.partial/` and becomes `<out>/` by one rename at its end, so a folder of that
name is a finished run. Its manifest carries keys: equal keys mean equal results.
"""

import json
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import yaml

from basrec.checkpoint import BEFORE
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.files import (
    UNFINISHED,
    digest_file,
    digest_value,
    read_json,
    read_yaml,
    write_json,
    write_whole,
)
from basrec.prior_file import PRIOR_FILE
from basrec.user_ranks import RANKS

OUTPUTS = (
    *("config.yaml", "metrics.json", RANKS, "history.jsonl", "model.safetensors"),
    "checkpoint.pt",
)
GENERATED = "generated"
"""The folder within a run that holds what its method generated, where it does."""
NOT_TRAINING = (
    *("report.py", "export.py", "analysis.py", "analysis_page.py", "analysis_figures.py"),
    *("weight_analysis.py", "transitions.py", "statistics.py", "power.py", "published.py"),
    *("sweep_folder.py", "comparisons.py", "experiment_tables.py", "experiment_figures.py"),
    *("experiment_page.py", "experiment_text.py", "sensitivity.py", "results.py", "figures.py"),
    *("passport_page.py", "drift.py", "colours.py", "published_table.py"),
    *("against_published.py", "sweep_tables.py", "stated.py", "user_metrics.py"),
    "presets.py",  # a key holds the config that a preset came to
)
"""Modules whose change does not change a run's result."""


@dataclass(frozen=True)
class RunKeys:
    """What decides the result of a run, and of its first stage alone."""

    run: str
    stage1: str


def run_keys(config: TrainConfig, digests: dict[str, str]) -> RunKeys:
    """Digest config, data and code; the first stage leaves out what only the second reads."""
    whole = config.model_dump(mode="json")
    train = {k: v for k, v in whole["train"].items() if k not in ("stage2", "checkpoint_seconds")}
    first = {
        "model": whole["model"],
        "train": train,
        "evaluation": {k: v for k, v in whole["evaluation"].items() if k != "block_size"},
        "seed": config.seed,
        "device": config.device,
        "kernels": config.kernels,
        "data": {k: v for k, v in digests.items() if k != "neighbours.parquet"},
        "code": code_digest(),
    }
    stage1 = digest_value(first)
    if config.method == "base":
        return RunKeys(digest_value([stage1, "base"]), stage1)
    second = [whole["train"]["stage2"], whole["augmentation"], digests]
    return RunKeys(digest_value([stage1, config.method, second]), stage1)


def code_digest() -> str:
    """Digest the source of this package, as far as it can change a result."""
    folder = Path(__file__).parent
    kinds = (".py", ".cpp", ".h")
    sources = (path for path in folder.rglob("*") if path.suffix in kinds)
    files = sorted(path for path in sources if path.name not in NOT_TRAINING)
    return digest_value({str(path.relative_to(folder)): digest_file(path) for path in files})


def find_finished(out: Path, key: str) -> dict[str, Any] | None:
    """Give the manifest of a finished run with this key whose files are as it recorded them.

    A manifest that is missing or damaged makes no finished run.
    """
    try:
        manifest: dict[str, Any] = read_json(out / "manifest.json")
        if manifest["key"] != key:
            return None
        for name, digest in manifest["outputs"].items():
            if digest_file(out / name) != digest:
                return None
        return manifest | {"reused": True}
    except (InputError, OSError, AttributeError, KeyError, TypeError, ValueError):
        return None


def check_replaceable(out: Path) -> None:
    """Refuse a place that holds something else than a run."""
    if out.is_dir() and any(out.iterdir()) and not (out / "manifest.json").exists():
        raise InputError(f"{out}: not empty and not a run folder; choose another --out")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; choose another --out")


def open_work_folder(out: Path, resume: bool) -> Path:
    """Give the folder to work in, kept from the last time if the run is to be resumed."""
    old = _old(out)
    if old.exists() and not out.exists():  # killed between the renames of `publish`
        old.rename(out)
    check_replaceable(out)
    work = out.with_name(out.name + ".partial")
    if work.exists() and not resume:
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    for path in work.rglob("*"):
        if UNFINISHED.fullmatch(path.name):  # of a kill
            path.unlink()
    return work


def _old(out: Path) -> Path:
    return out.with_name(out.name + ".old")


def publish(work: Path, out: Path) -> None:
    """Put the finished work folder in its place, an older run of that name out of the way."""
    for spare in work.rglob(BEFORE):
        spare.unlink()
    old = _old(out)
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    work.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def write_config(folder: Path, config: TrainConfig, prepared: Path) -> None:
    """Write the fully resolved config, and which prepared folder it was run on."""
    values = {"prepared": str(prepared.resolve()), **config.model_dump(mode="json")}
    text = yaml.safe_dump(values, sort_keys=False)
    write_whole(folder / "config.yaml", lambda beside: beside.write_text(text))


def read_config(folder: Path) -> tuple[TrainConfig, Path]:
    """Read back the config of a run and the prepared folder it was run on."""
    path = folder / "config.yaml"
    if not path.is_file():
        raise InputError(f"{folder}: no run folder (it has no config.yaml); name a finished run")
    try:
        values = read_yaml(path)
        prepared = Path(values.pop("prepared"))
        return TrainConfig.model_validate(values), prepared
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as exc:
        raise InputError(f"{path}: not the config of a run ({exc}); is this a run folder?") from exc


def write_history(folder: Path, lines: list[dict[str, Any]]) -> None:
    """Write history.jsonl, a line an epoch."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    write_whole(folder / "history.jsonl", lambda beside: beside.write_text(text))


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Read history.jsonl."""
    path = folder / "history.jsonl"
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); is this a finished run?") from exc


def write_environment(folder: Path, device: torch.device) -> dict[str, Any]:
    """Write what a digest depends on besides config, data and code."""
    names = ("torch", "numpy", "pyarrow", "pydantic", "safetensors")
    environment = {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "versions": {name: metadata.version(name) for name in names},
    }
    write_json(folder / "environment.json", environment)
    return environment


def write_manifest(
    folder: Path, keys: RunKeys, config: TrainConfig, digests: dict[str, str], seconds: float
) -> dict[str, Any]:
    """Write the manifest of a finished run: keys, inputs, outputs and time."""
    files = (*OUTPUTS, f"{GENERATED}/{PRIOR_FILE}")
    manifest = {
        "stage": "train",
        "key": keys.run,
        "stage1_key": keys.stage1,
        "config": config.model_dump(mode="json"),
        "inputs": digests,
        "outputs": {n: digest_file(folder / n) for n in files if (folder / n).exists()},
        "seconds": round(seconds, 3),
    }
    write_json(folder / "manifest.json", manifest)
    return manifest | {"reused": False}
