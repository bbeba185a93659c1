"""One trial of a search: what it trains, and what it need not train again."""

from pathlib import Path
from typing import Any

import pytest

import flows.search_trial
from tests.flows.searching import ALPHA, make, run


def test_stage_1_is_trained_once_for_equal_first_stages(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[str, float]] = []
    real = flows.search_trial.train

    def watched(*args: Any, **options: Any) -> Any:
        manifest = real(*args, **options)
        if not manifest["reused"]:
            trained.append((args[2].method, args[2].model.dropout))
        return manifest

    monkeypatch.setattr(flows.search_trial, "train", watched)
    space = {"model.dropout": [0.1, 0.3], ALPHA: [0.2, 0.6]}
    outcome = run(make(prepared, space=space, sampler="grid", keep=1), tmp_path)
    assert [name for name in trained if name[0] == "base"] == [("base", 0.1), ("base", 0.3)]
    assert len(trained) == 2 + 4
    assert len(list(outcome.places.runs.glob("stage1-*"))) == 1  # that of the trial that is kept
