"""A small search: its prepared folder, a trainer that does not train, and what came of it."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flows.search_trial
from basrec.results import METRICS
from flows.search import Outcome, run_search
from flows.search_config import Search
from flows.search_results import state_of
from flows.search_study import point_of, settled
from flows.search_view import Lines
from tests.basrec.conftest import write_prepared

ALPHA, A, B = "augmentation.alpha", "augmentation.rate.0", "augmentation.rate.1"
QUICK = {
    "train": {
        "batch_size": 32,
        "checkpoint_seconds": 0,
        "stage1": {"epochs": 2},
        "stage2": {"epochs": 2},
    }
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(3)
    starts, lengths = random.integers(20, size=30), random.integers(5, 12, size=30)
    sequences = [
        ((start + np.arange(length)) % 20 + 1).tolist()
        for start, length in zip(starts, lengths, strict=True)
    ]
    sequences[:2] = [list(range(1, 12)), list(range(10, 21))]  # all items appear
    neighbours = {item: item % 20 + 1 for item in range(1, 21)}
    return write_prepared(tmp_path_factory.mktemp("prepared"), sequences, neighbours)


def make(prepared: Path, **values: Any) -> Search:
    told = {"name": "s", "prepared": prepared, "settings": QUICK, "pruner": None} | values
    return Search.model_validate(told)


def run(search: Search, data: Path) -> Outcome:
    return run_search(search, data, Lines(search))


def rows(outcome: Outcome) -> list[dict[str, str]]:
    return list(csv.DictReader((outcome.places.folder / "trials.csv").open()))


def told(outcome: Outcome) -> list[tuple[Any, ...]]:
    """Give what of a search must not depend on how it came about."""
    trials = settled(outcome.study)
    return [
        (point_of(t, outcome.search), state_of(t), t.value, t.intermediate_values) for t in trials
    ]


def write_fake_run(out: Path, curve: list[float], stage: int = 2) -> dict[str, Any]:
    """Write what a search reads of a run whose stage has this curve."""
    values = [dict.fromkeys(METRICS, value) for value in curve]
    out.mkdir(parents=True, exist_ok=True)
    lines = [
        {"stage": stage, "epoch": epoch, "loss": 0.0, "validation": value, "best": False}
        for epoch, value in enumerate(values, 1)
    ]
    (out / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    metrics = {"validation": values[-1], "test": dict.fromkeys(METRICS, 0.01)}
    (out / "metrics.json").write_text(json.dumps(metrics))
    return {"seconds": 1.0}


@pytest.fixture
def fake_train(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Give a function that puts a trainer without training in place; it gives the configs seen."""

    def install(curve_of: Callable[[Any], list[float]]) -> list[Any]:
        seen: list[Any] = []

        def train(prepared: Path, out: Path, config: Any, on_epoch: Any, **_: Any) -> Any:
            if config.method == "base":
                return write_fake_run(out, [0.1], stage=1)
            seen.append(config)
            curve = curve_of(config)
            work = out.with_name(out.name + ".partial")
            for end in range(1, len(curve) + 1):
                write_fake_run(work, curve[:end])
                text = (work / "history.jsonl").read_text().splitlines()[-1]
                on_epoch({**json.loads(text), "epochs": len(curve)})
            shutil.rmtree(work)
            return write_fake_run(out, curve)

        monkeypatch.setattr(flows.search_trial, "train", train)
        return seen

    return install
