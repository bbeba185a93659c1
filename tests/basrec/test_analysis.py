"""The analysis of finished runs."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from basrec.analysis import analyse, similarity_over
from basrec.augmentation.mixing import symmetric_beta
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.prepared import read_prepared
from basrec.presets import PRESETS
from basrec.rng import generator
from basrec.run_folder import read_history
from basrec.training import train
from basrec.weight_analysis import (
    DRAWN_BATCHES,
    describe,
    loss_shares,
    preset_weights,
    weights_by_preset,
)


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("runs")
    for method in ("base", "basrec"):
        config = TrainConfig.model_validate(
            {
                "method": method,
                "model": {"embedding_size": 8, "max_length": 10},
                "train": {"batch_size": 16, "stage1": {"epochs": 1}, "stage2": {"epochs": 2}},
                "device": "cpu",
            }
        )
        train(folder, place / method, config)
    return [place / "base", place / "basrec"]


def test_an_analysis_tells_all_and_is_json(runs: list[Path]) -> None:
    told = analyse(runs[1])
    assert json.loads(json.dumps(told)) == told == analyse(runs[1])
    history = read_history(runs[1])[1:]
    similarity = told["similarity"]
    assert similarity["epochs"] == [1, 2]
    for kind in ("single_sequence", "cross_sequence"):
        values = [line["similarity"][kind] for line in history]
        assert similarity["series"][kind] == values
        assert similarity["over_training"][kind] == pytest.approx(sum(values) / 2)
        # The last epoch was the best one, or the final weights are another's.
        assert similarity["final_weights"][kind] in [pytest.approx(v, abs=1e-6) for v in values]
    assert set(told["edits"]) == set(told["relevance"]) == {"reorder", "substitute"}
    assert told["edits"]["reorder"]["sequences"] == 60
    assert told["edits"]["substitute"]["mean_done"] <= told["edits"]["substitute"]["mean_asked"]
    assert set(told["weights"]) == {*PRESETS, "one"}
    main = [line["losses"]["single_sequence"] / line["losses"]["main"] for line in history]
    assert told["loss_shares"]["single_sequence"] == pytest.approx(sum(main) / 2)


def test_the_mean_over_kinds_and_epochs_is_plain() -> None:
    told = similarity_over(
        [
            {"epoch": 1, "similarity": {"a": 0.5, "b": 0.9}},
            {"epoch": 2, "similarity": {"a": 0.7, "b": 0.7}},
            {"epoch": 3},
        ]
    )
    assert told["over_training"] == pytest.approx({"a": 0.6, "b": 0.8, "mean": 0.7})
    assert told["last_epoch"] == pytest.approx({"a": 0.7, "b": 0.7, "mean": 0.7})
    assert similarity_over([])["over_training"] == {}  # a run from before it was watched


def test_effective_weights_follow_the_formula() -> None:
    config = TrainConfig.model_validate({"train": {"batch_size": 5}, "seed": 3})
    told = weights_by_preset(config, num_examples=100)
    assert preset_weights() == {
        "paper": "sequence", "reference": "batch_sum", "strict": "log", "best": "one", "one": "one"
    }  # fmt: skip
    stream, sums = generator(3, "watched"), {"paper": 0.0, "reference": 0.0, "strict": 0.0}
    for _ in range(DRAWN_BATCHES):
        uniform = torch.rand(2, 5, generator=stream, dtype=torch.float64)
        mix = symmetric_beta(0.4, (2, 5), stream, torch.float64)
        for rates, mixes in zip(uniform.tolist(), mix.tolist(), strict=True):
            raw = [1 / ((0.2 + 0.5 * u) * m) for u, m in zip(rates, mixes, strict=True)]
            scaled = [(w - min(raw)) / (max(raw) - min(raw)) for w in raw]
            logs = [math.log(w) for w in raw]
            sums["paper"] += sum(scaled)
            sums["reference"] += 5 * sum(scaled)
            sums["strict"] += sum((w - min(logs)) / (max(logs) - min(logs)) for w in logs)
    for preset, total in sums.items():
        assert told[preset]["effective"] == pytest.approx(total / (DRAWN_BATCHES * 2 * 5))
    assert told["one"]["effective"] == 1.0
    assert [name for name, facts in told.items() if facts["is_own"]] == ["paper"]


@pytest.mark.parametrize(
    ("preset", "weight", "own"),
    [
        ("best", "one", "best"),  # the ablation's row weighs alike, and is not marked
        ("paper", "one", "one"),
        ("paper", "log", "strict"),
        ("reference", "batch_sum", "reference"),
    ],
)
def test_one_row_of_weights_is_the_runs_own(preset: str, weight: str, own: str) -> None:
    values = {"preset": preset, "augmentation": {"weight": weight}, "train": {"batch_size": 3}}
    told = weights_by_preset(TrainConfig.model_validate(values), num_examples=9)
    assert [name for name, facts in told.items() if facts["is_own"]] == [own]


def test_a_histogram_counts_every_weight_once() -> None:
    told = describe(
        torch.tensor([0.0, 1e-9, 0.002, 0.002, 1.0, 1.0, 2.0, 1e9], dtype=torch.float64)
    )
    edges, shares = told["histogram"]["log10_edges"], told["histogram"]["shares"]
    found = {edges[i]: share for i, share in enumerate(shares) if share}
    assert found == {-6.0: 2 / 8, -3.0: 2 / 8, 0.0: 3 / 8, 2.5: 1 / 8}
    assert told["below_0.01"] == 4 / 8
    assert told["quantiles"]["0.5"] == pytest.approx((0.002 + 1.0) / 2)


def test_loss_shares_are_over_the_epochs_that_have_the_loss() -> None:
    history = [{"losses": {"main": 2.0, "other": 1.0}}, {"losses": {"main": 4.0, "other": 1.0}}]
    assert loss_shares([*history, {"losses": {"main": 1.0}}]) == {"other": (1 / 2 + 1 / 4) / 2}


def test_the_cross_sequence_branch_alone_has_no_edits_and_no_weights(
    folder: Path, tmp_path: Path
) -> None:
    config = TrainConfig.model_validate(
        {
            "model": {"embedding_size": 8, "max_length": 10},
            "train": {"stage1": {"epochs": 1}},
            "augmentation": {"pairs": 0, "two_stages": False},
        }
    )
    train(folder, tmp_path / "run", config)
    told = analyse(tmp_path / "run")
    assert told["edits"] == told["relevance"] == told["weights"] == {}
    assert list(told["similarity"]["over_training"]) == ["cross_sequence"]


def test_what_is_trained_by_prefixes_is_tallied_by_prefixes(folder: Path, tmp_path: Path) -> None:
    config = TrainConfig.model_validate(
        {
            "method": "cmr",
            "model": {"backbone": "fmlp", "embedding_size": 8, "max_length": 10},
            "train": {"stage1": {"epochs": 1}},
            "device": "cpu",
        }
    )
    train(folder, tmp_path / "run", config)
    lengths = read_prepared(folder).offsets.diff()
    views = sum(facts["sequences"] for facts in analyse(tmp_path / "run")["edits"].values())
    assert views == int((lengths - 3).sum())  # a prefix for each target of the training part


def test_users_without_generated_items_are_not_tallied(folder: Path, tmp_path: Path) -> None:
    config = TrainConfig.model_validate(
        {
            "method": "random",
            "model": {"embedding_size": 8, "max_length": 30},
            "train": {"stage1": {"epochs": 1}},
            "augmentation": {"prior": {"shorter_than": 8}},
            "device": "cpu",
        }
    )
    train(folder, tmp_path / "run", config)
    short = int((read_prepared(folder).offsets.diff() - 2 < 8).sum())
    told = analyse(tmp_path / "run")["edits"]["generated"]
    assert told["sequences"] == short < 60
    assert told["unchanged"] == 0


def test_wrong_runs_are_told(runs: list[Path], folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"base augments nothing; name a run of another method"):
        analyse(runs[0])
    with pytest.raises(InputError, match="no run folder"):
        analyse(tmp_path)
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "neighbours.parquet").unlink()
    with pytest.raises(InputError, match=r"not what .* was trained on \(neighbours"):
        analyse(runs[1], other)
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert analyse(runs[1], moved)["prepared"] == str(moved)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.json", "{}"),
        ("manifest.json", "[1]"),
        ("manifest.json", "{"),
        ("history.jsonl", "{}\n"),
        ("history.jsonl", "[]\n"),
        ("history.jsonl", '{"stage": 2, "epoch": 1, "losses": 5}\n'),
        ("history.jsonl", '{"stage": 2, "losses": {"main": 1}, "similarity": {"a": 1}}\n'),
        ("model.safetensors", "x"),
    ],
)
def test_a_damaged_run_is_one_line(runs: list[Path], tmp_path: Path, name: str, text: str) -> None:
    run: Any = shutil.copytree(runs[1], tmp_path / "run")
    (run / name).write_text(text)
    with pytest.raises(InputError) as told:
        analyse(run)
    assert str(run) in str(told.value) and "\n" not in str(told.value)
