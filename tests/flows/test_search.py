"""Search: the space, who decides, and that a killed search ends as one that was left alone."""

import csv
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from optuna.trial import TrialState
from rich.console import Console
from typer.testing import CliRunner

import flows.search_trial
import flows.search_view
from basrec.errors import MachineError
from basrec.files import digest_file
from basrec.results import METRICS
from flows.cli import app
from flows.config import all_keys
from flows.lock import Held, alone
from flows.search import Outcome, places_of, run_search
from flows.search_config import (
    Pruner,
    Search,
    config_at,
    load_search,
    set_arguments,
    shipped_searches,
)
from flows.search_results import importances, state_of, top_rows
from flows.search_space import Range, parse_space, short_names
from flows.search_study import best_first, point_of, settled
from flows.search_view import Lines, point_text, search_view
from pipeline.errors import InputError
from tests.basrec.conftest import write_prepared

ROOT = Path(__file__).parents[2]
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


def test_a_space_is_read_dotted_or_nested() -> None:
    space = parse_space(
        {
            "augmentation": {"alpha": [0.2, 0.4], "pairs": {"low": 1, "high": 3}},
            "model.dropout": {"low": 0.1, "high": 0.3, "step": 0.1},
            "train.learning_rate": {"low": 0.0001, "high": 0.01, "log": True},
        }
    )
    assert space[ALPHA] == (0.2, 0.4)
    pairs, dropout = space["augmentation.pairs"], space["model.dropout"]
    assert isinstance(pairs, Range) and tuple(pairs.steps()) == (1, 2, 3)
    assert isinstance(dropout, Range) and dropout.steps() == (0.1, 0.2, 0.3)
    rate = space["train.learning_rate"]
    assert isinstance(rate, Range) and rate.log and rate.steps() == ()
    assert list(
        short_names([ALPHA, A, B, "model.fmlp.layers", "model.sasrec.layers"]).values()
    ) == [
        "alpha",
        "a",
        "b",
        "model.fmlp.layers",
        "model.sasrec.layers",
    ]
    assert point_text({ALPHA: 0.2, A: 0.1}) == "alpha=0.2 a=0.1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("metric=test NDCG@20", "validation alone decides"),
        ("metric=NDCG@7", "known: HR@5"),
        ("space.augmentation.alfa=[1]", "did you mean 'augmentation.alpha'?"),
        ("space.augmentation.alpha=[x]", "'augmentation.alpha' = 'x'"),
        ("space.augmentation.alpha=[]", "write a list of choices"),
        ("space.augmentation.alpha=[0.1, 0.1]", "named once"),
        ("space.augmentation.alpha=[[1]]", "no number, word"),
        ("space.augmentation.alpha={low: 1, high: 0}", "must be below"),
        ("space.augmentation.alpha={low: 0.1, high: 0.5}", "a grid needs choices, or a step"),
        ("space.augmentation.alpha={low: 0.1, high: 0.5, step: 0.3}", "does not lead from"),
        ("space.augmentation.alpha={low: 0, high: 1, log: true}", "log needs a low above 0"),
        ("space.augmentation.alpha={low: 0, high: 1, step: 1e-9}", "more than 1,000,000 values"),
        (f"space.train.batch_size={{low: 1, high: 1{'0' * 400}}}", "not told apart"),
        ("space.augmentation.rate.0=[1.2]", "should be less than 1"),
        ("space.data.min_count=[3]", "no key that space may hold"),
        ("settings.seed=3", "no key that settings may hold"),
        ("seeds=[1, 1]", "each seed may be named once"),
        ("trials=0", "greater than or equal to 1"),
        ("sampler=magic", "'tpe', 'grid' or 'random'"),
        ("kep=3", "did you mean 'keep'?"),
        ("augmentation.alpha=0.3", "settings 'augmentation.alpha': the space varies it"),
        ("augmentation.rate=[0.2, 0.7]", "or take it out of the space"),
        ("dataset=null", "name a known dataset, or a prepared folder"),
        ("dataset=atlantis", "'atlantis' is not known"),
    ],
)
def test_a_wrong_search_is_told_before_any_work(change: str, message: str) -> None:
    with pytest.raises(InputError) as exc:
        load_search(Path("paper-grid"), [change])
    assert message in str(exc.value)
    assert len(str(exc.value).splitlines()) == 1


def test_the_command_exits_with_2_and_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from flows.cli import main; main()", "search", "paper-grid"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: data/prepared/beauty: no prepared folder; make it first")
    assert len(done.stderr.splitlines()) == 1 and list(tmp_path.iterdir()) == []


def test_the_shipped_searches_are_as_promised() -> None:
    assert shipped_searches() == ["paper-grid", "quick"]
    paper = load_search(Path("paper-grid"))
    assert paper.num_trials == 5 * 3 * 3
    assert [paper.grid_point(place)[B] for place in range(3)] == [0.6, 0.7, 0.8]
    assert load_search(Path("quick"), ["trials=3", "train.batch_size=64"]).trials == 3


def test_dataset_settings_preset_and_point_reach_the_config() -> None:
    search = load_search(
        Path("paper-grid"), ["preset=reference", "augmentation.edit=window", "train.batch_size=64"]
    )
    first, other = ({ALPHA: 0.2, A: 0.1, B: 0.6}, {ALPHA: 0.6, A: 0.1, B: 0.8})
    one, two = (config_at(search, point, 1).model_dump() for point in (first, other))
    assert one["augmentation"]["pairs"] == 2  # Beauty's
    assert one["augmentation"]["choice"] == "random"  # of the preset
    assert one["augmentation"]["edit"] == "window"  # settings over preset
    assert one["train"]["batch_size"] == 64
    assert (one["augmentation"]["alpha"], one["augmentation"]["rate"]) == (0.2, (0.1, 0.6))
    assert (two["augmentation"]["alpha"], two["augmentation"]["rate"]) == (0.6, (0.1, 0.8))
    two["augmentation"] |= {key: one["augmentation"][key] for key in ("alpha", "rate")}
    assert one == two  # and nothing else differs
    assert set_arguments(search, {A: 0.3})[-1] == "augmentation.rate=[0.3, 0.71]"  # b as published


def test_a_grid_visits_every_point_once(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    seen = fake_train(lambda config: [config.augmentation.alpha])
    space = {ALPHA: [0.2, 0.4], "augmentation.pairs": {"low": 1, "high": 3}}
    outcome = run(make(prepared, space=space, sampler="grid", keep=2), tmp_path)
    visited = [(config.augmentation.alpha, config.augmentation.pairs) for config in seen]
    assert visited[:6] == [(alpha, pairs) for alpha in (0.2, 0.4) for pairs in (1, 2, 3)]
    assert [row["state"] for row in rows(outcome)] == ["finished"] * 6
    assert [row["value"] for row in rows(outcome)] == ["0.2"] * 3 + ["0.4"] * 3
    # Equal values: the earlier is the better. The runs of the two best are kept, no others.
    assert [trial.user_attrs["index"] for trial in best_first(outcome.study)[:2]] == [3, 4]
    kept = {path.name for path in outcome.places.runs.glob("trial-*")}
    assert kept == {"trial-0003", "trial-0004"}
    best = json.loads((outcome.places.folder / "best.json").read_text())
    assert best["parameters"] == {ALPHA: 0.4, "augmentation.pairs": 1}
    assert best["test"]["NDCG@20"] == 0.01
    again = run(make(prepared, space=space, sampler="grid", keep=2), tmp_path)
    assert told(again) == told(outcome)  # a finished search is not made again


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


def test_the_value_is_the_mean_over_the_seeds(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    fake_train(lambda config: [0.1 * config.seed])
    outcome = run(make(prepared, space={ALPHA: [0.5]}, sampler="grid", seeds=[1, 2]), tmp_path)
    assert rows(outcome)[0]["value"] == str((0.1 + 0.2) / 2)
    best = json.loads((outcome.places.folder / "best.json").read_text())
    assert [run["seed"] for run in best["seeds"]] == [1, 2]
    assert "--seed 2" in best["seeds"][1]["command"]


def test_importance_tells_what_mattered(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    fake_train(lambda config: [config.augmentation.alpha])
    space = {ALPHA: {"low": 0.1, "high": 0.9}, "augmentation.mixes": [1, 2], A: [0.1]}
    search = make(prepared, space=space, trials=12)
    shares = importances(run(search, tmp_path).study)
    assert shares[ALPHA] > shares["augmentation.mixes"]
    assert "importance" in (tmp_path / "searches" / "s" / "search.md").read_text()


def test_refused_and_failed_trials_do_not_stop_a_search(prepared: Path, tmp_path: Path) -> None:
    space = {A: [0.1, 0.8], B: [0.7], "train.learning_rate": [1e-3, 1e30]}
    outcome = run(make(prepared, space=space, sampler="grid"), tmp_path)
    first, second, third, fourth = rows(outcome)
    assert first["state"] == "finished"
    assert second["state"] == "failed" and "not finite" in second["told"]
    assert third["state"] == fourth["state"] == "refused"
    assert "the first must not exceed the second" in third["told"]
    only_bad = make(prepared, space={A: [0.8], B: [0.7]}, sampler="grid", name="bad")
    with pytest.raises(InputError, match="no trial of bad was trained to its end"):
        run(only_bad, tmp_path)


def test_a_full_disk_stops_a_search(
    prepared: Path, tmp_path: Path, fake_train: Callable[..., list[Any]]
) -> None:
    def fail(config: Any) -> list[float]:
        raise MachineError("the disk is full") from OSError(28, "No space left on device")

    fake_train(fail)
    with pytest.raises(MachineError, match="disk is full"):
        run(make(prepared, space={ALPHA: [0.5]}), tmp_path)


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


def test_the_command_of_the_best_repeats_its_weights(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    space = {"augmentation": {"rate": {"0": [0.1], "1": [0.7, 0.9]}}, ALPHA: [0.3]}
    values = {"prepared": str(prepared), "settings": QUICK, "space": space, "sampler": "grid"}
    file.write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    runner = CliRunner(env={"COLUMNS": "200"})
    shown = runner.invoke(app, ["search", "mine.yaml"], catch_exceptions=False)
    assert shown.exit_code == 0 and "mine: 2 trials" in shown.output
    best = json.loads((tmp_path / "data/searches/mine/best.json").read_text())
    words = shlex.split(best["command"])
    assert words[0] == "basrec"
    assert runner.invoke(app, words[1:], catch_exceptions=False).exit_code == 0
    again = Path(words[words.index("--out") + 1])
    assert digest_file(again / "model.safetensors") == digest_file(
        Path(best["run"]) / "model.safetensors"
    )
    more = runner.invoke(app, ["search", "mine.yaml", "--set", "train.batch_size=16"])
    assert isinstance(more.exception, InputError)
    assert "changed since it was begun: settings, search; give this search another" in str(
        more.exception
    )


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


def test_two_processes_do_not_share_a_search(prepared: Path, tmp_path: Path) -> None:
    search = make(prepared, space={ALPHA: [0.2]})
    with (
        alone(places_of(search, tmp_path).folder / "lock", "search"),
        pytest.raises(Held, match=f"search {search.name}: process {os.getpid()} .* is at it"),
    ):
        run(search, tmp_path)


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


def test_a_missing_prepared_folder_is_told_with_what_makes_it(tmp_path: Path) -> None:
    search = load_search(Path("quick"))
    with pytest.raises(InputError, match="basrec run --dataset sample --flow prepare"):
        run(search, tmp_path)
    assert places_of(search, tmp_path).prepared == tmp_path / "prepared" / "sample"
    with pytest.raises(InputError, match="those that come along: paper-grid, quick"):
        load_search(tmp_path / "none.yaml")


def test_the_command_and_every_key_are_documented() -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["search", "--help"]).output
    for option in ("SEARCH", "--trials", "--set", "--data"):
        assert option in shown
    text = (ROOT / "docs" / "search.md").read_text()
    for key in (*all_keys(Search), *Range.model_fields):
        assert f"`{key}`" in text, key


def test_a_wide_range_takes_no_memory() -> None:
    assert len(Range(low=1, high=10**12).steps()) == 10**12
