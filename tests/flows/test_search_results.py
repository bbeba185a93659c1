"""What a search tells beside its journal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.search_results import importances
from tests.flows.searching import ALPHA, A, make, run


def test_importance_tells_what_mattered(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    fake_train(lambda config: [config.augmentation.alpha])
    space = {ALPHA: {"low": 0.1, "high": 0.9}, "augmentation.mixes": [1, 2], A: [0.1]}
    search = make(prepared, space=space, trials=12)
    shares = importances(run(search, tmp_path).study)
    assert shares[ALPHA] > shares["augmentation.mixes"]
    assert "importance" in (tmp_path / "searches" / "s" / "search.md").read_text()
