"""How a search goes on, for people."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import flows.search_view
from flows.search import run_search
from flows.search_view import search_view
from tests.flows.searching import ALPHA, make


def test_bars_show_trial_epoch_and_best(
    prepared: Path,
    tmp_path: Path,
    fake_train: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_train(lambda config: [config.augmentation.alpha] * 2)
    screen = Console(file=io.StringIO(), force_terminal=True, width=150)
    monkeypatch.setattr(flows.search_view, "errors", screen)
    search = make(prepared, space={ALPHA: [0.2, 0.3]}, sampler="grid")
    with search_view(search) as view:
        run_search(search, tmp_path, view)
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    for text in ("trial 1 (of 2): alpha=0.3", "best 0.20000 (trial 0)", "trial 1 stage 2", "2/2"):
        assert text in shown
