"""Results on the terminal."""

import json
from pathlib import Path

import pytest

from flows.errors import exit_code
from flows.show import show_runs
from pipeline.errors import InputError


def test_metrics_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"test": {"HR@10": [1]}}))
    with pytest.raises(InputError, match=r"metrics\.json: not as promised"):
        show_runs([tmp_path])


def test_a_path_that_nothing_can_have_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(OSError) as told:
        (tmp_path / ("x" * 5000)).open()
    assert exit_code(told.value) == 2


def test_what_nests_too_deeply_is_wrong_input() -> None:
    with pytest.raises(RecursionError) as told:
        json.loads("[" * 100_000)
    assert exit_code(told.value) == 2
