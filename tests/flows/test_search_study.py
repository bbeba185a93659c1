"""The trials of a search on record: a killed search ends as one that was left alone."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from flows.search import run_search
from flows.search_config import Pruner, Search
from flows.search_results import top_rows
from flows.search_study import settled
from flows.search_view import Lines
from pipeline.errors import InputError
from tests.flows.searching import ALPHA, make, rows, run, told


class Killing(Lines):
    """Interrupts the process in the first epoch that it is told, but in no trial of `spared`."""

    def __init__(self, search: Search, spared: Sequence[int] = ()) -> None:
        super().__init__(search)
        self.spared = spared

    def begin(self, index: int, point: Any, best: Any) -> Any:
        def on_epoch(line: dict[str, Any]) -> None:
            if index not in self.spared:
                raise KeyboardInterrupt

        return on_epoch


def is_killed(data: Path, view: Killing) -> bool:
    try:
        run_search(view.search, data, view)
    except KeyboardInterrupt:
        return True
    return False


def test_a_killed_search_ends_as_one_left_alone(prepared: Path, tmp_path: Path) -> None:
    space = {ALPHA: {"low": 0.2, "high": 0.6, "step": 0.2}, "model.dropout": [0.1, 0.3]}
    search = make(prepared, space=space, trials=3, pruner={"startup": 1, "warmup": 0})
    whole = run(search, tmp_path / "whole")
    kills = 0
    while kills < 20 and is_killed(tmp_path / "killed", Killing(search)):
        kills += 1
    assert 6 <= kills < 20  # in every epoch there is, each time one further
    killed = run(search, tmp_path / "killed")
    assert told(killed) == told(whole)
    assert len(killed.study.trials) > len(whole.study.trials)  # the interrupted ones are on record
    left, right = (
        json.loads((tmp_path / name / "searches/s/best.json").read_text())
        for name in ("whole", "killed")
    )
    assert {key: left[key] for key in ("parameters", "validation", "test")} == {
        key: right[key] for key in ("parameters", "validation", "test")
    }


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_samplers_go_on_with_the_same_points(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]], sampler: str
) -> None:
    fake_train(lambda config: [config.augmentation.alpha - config.model.dropout])
    space = {ALPHA: {"low": 0.1, "high": 0.9}, "model.dropout": {"low": 0.0, "high": 0.5}}
    search = make(prepared, space=space, sampler=sampler, trials=14)
    whole = run(search, tmp_path / "whole")
    for trial in (0, 11, 12):  # tpe learns from the tenth trial on
        assert is_killed(tmp_path / "killed", Killing(search, range(trial)))
    killed = run(search, tmp_path / "killed")
    assert told(killed) == told(whole)
    assert len({str(point) for point, *_ in told(whole)}) == 14


def test_a_search_goes_on_with_more_trials_and_mends_its_journal(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    seen = fake_train(lambda config: [config.augmentation.alpha])
    search = make(prepared, space={ALPHA: {"low": 0.2, "high": 0.6}}, trials=2)
    run(search, tmp_path)
    journal = tmp_path / "searches" / "s" / "study.log"
    with journal.open("a") as file:
        file.write('{"op_code": 5, "torn')
    made = len(seen)
    longer = run(search.model_copy(update={"trials": 4}), tmp_path)
    assert len(rows(longer)) == 4 and len(seen) == made + 2 + 1  # and the best is read once more
    alone = run(search.model_copy(update={"trials": 4}), tmp_path / "alone")
    assert told(alone) == told(longer)
    whole = journal.read_text()
    for text in (whole.replace('"op_code":4', '"op_code":99'), "no journal\n" * 3):
        journal.write_text(text)
        with pytest.raises(InputError, match="damaged"):
            run(search, tmp_path)
    with pytest.raises(InputError, match="damaged"):
        run(search, tmp_path)


def test_a_trial_that_ended_as_the_process_died_is_not_made_again(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    seen = fake_train(lambda config: [config.augmentation.alpha])
    search = make(prepared, space={ALPHA: [0.2, 0.3]}, sampler="grid")
    whole = run(search, tmp_path)
    journal = tmp_path / "searches" / "s" / "study.log"
    lines = journal.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["state"] == TrialState.COMPLETE  # Optuna's word on the last trial
    journal.write_text("".join(lines[:-1]))
    made = len(seen)
    assert told(run(search, tmp_path)) == told(whole)
    assert len(seen) == made + 1  # the best, read once more


def test_a_trial_below_the_median_is_given_up(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    fake_train(lambda config: [config.augmentation.alpha * epoch for epoch in (1, 2, 3, 4)])
    search = make(
        prepared,
        space={ALPHA: [0.5, 0.6, 0.1, 0.7]},
        sampler="grid",
        pruner=Pruner(startup=2, warmup=2),
    )
    outcome = run(search, tmp_path)
    assert [row["state"] for row in rows(outcome)] == ["finished", "finished", "pruned", "finished"]
    assert rows(outcome)[2]["told"] == "given up in stage 2, epoch 3"  # warm-up: two epochs
    pruned = settled(outcome.study)[2]
    # One epoch of stage 1; the second stage follows on the two that the first might have had.
    assert pruned.intermediate_values == {1: 0.1, 3: 0.1, 4: 0.2, 5: pytest.approx(0.3)}
    assert not list(outcome.places.runs.glob("trial-0002*"))
    assert (rows(outcome)[2]["value"], rows(outcome)[2]["last_value"]) == (
        "",
        "0.30000000000000004",
    )
    last = top_rows(outcome.study, search)[-1]
    assert last == ["2", "0.30000, given up in stage 2, epoch 3", "0.1"]
    assert f"| {' | '.join(last)} |" in (outcome.places.folder / "search.md").read_text()
    unpruned = run(search.model_copy(update={"name": "n", "pruner": None}), tmp_path)
    assert [row["state"] for row in rows(unpruned)] == ["finished"] * 4
