"""What a grid holds, and what is refused before any work starts."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.config import parse_overrides
from flows.experiment import cells, known_experiments, load_experiment, selected
from pipeline.errors import InputError

SMALL: dict[str, Any] = {
    "datasets": ["beauty", "yelp"],
    "backbones": ["sasrec", "gru4rec"],
    "variants": {
        "Base": {"method": "base"},
        "Mine": {"method": "basrec", "preset": "reference", "settings": {"train": {"threads": 2}}},
    },
    "seeds": [3, 5],
    "settings": {"train": {"batch_size": 64, "threads": 1}},
}


def write(tmp_path: Path, **changes: Any) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**SMALL, **changes}, sort_keys=False))
    return str(path)


def test_the_grid_goes_through_every_combination_in_the_order_of_the_file(tmp_path: Path) -> None:
    grid = cells(load_experiment(write(tmp_path)), tmp_path)
    assert [cell.name for cell in grid[:5]] == [
        "beauty/sasrec/Base/3",
        "beauty/sasrec/Base/5",
        "beauty/sasrec/Mine/3",
        "beauty/sasrec/Mine/5",
        "beauty/gru4rec/Base/3",
    ]
    assert len(grid) == len({cell.name for cell in grid}) == 2 * 2 * 2 * 2


def test_settings_of_dataset_experiment_and_variant_apply_in_this_order(tmp_path: Path) -> None:
    experiment = load_experiment(write(tmp_path), parse_overrides(["train.batch_size=32"]))
    grid = {cell.name: cell.config for cell in cells(experiment, tmp_path)}
    base, mine = grid["beauty/sasrec/Base/3"], grid["beauty/sasrec/Mine/5"]
    assert (base.method, base.preset, base.seed) == ("base", "paper", 3)
    assert (mine.method, mine.preset, mine.seed) == ("basrec", "reference", 5)
    assert mine.augmentation.weight == "batch_sum"  # of the preset
    assert (mine.augmentation.pairs, mine.augmentation.mixes) == (2, 3)  # beauty with sasrec
    assert grid["beauty/gru4rec/Mine/5"].augmentation.pairs == 1  # beauty with gru4rec
    assert base.train.batch_size == mine.train.batch_size == 32  # --set over the experiment
    assert (base.train.threads, mine.train.threads) == (1, 2)  # a variant over the experiment


def test_the_first_variant_is_the_baseline_unless_one_is_named(tmp_path: Path) -> None:
    assert load_experiment(write(tmp_path)).baseline == "Base"
    assert load_experiment(write(tmp_path, baseline="Mine")).baseline == "Mine"
    assert load_experiment(write(tmp_path)).name == "mine"  # of the file


def test_a_prepared_folder_is_a_dataset_too(tmp_path: Path) -> None:
    (tmp_path / "prepared" / "own").mkdir(parents=True)
    experiment = load_experiment(write(tmp_path, datasets=["own"]))
    assert cells(experiment, tmp_path)[0].config.augmentation.pairs == 1  # the default


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"datasets": ["beuty"]}, "dataset 'beuty': neither known"),
        ({"backbones": ["lstm"]}, "beauty/lstm/Base: model.backbone"),
        ({"variants": {"A": {"method": "magic"}}}, "beauty/sasrec/A: method = 'magic'"),
        ({"variants": {"A": {"method": "base", "preset": "nice"}}}, "preset = 'nice'"),
        ({"variants": {"A": {}}}, "variants.A.method"),
        ({"variants": {}}, "variants"),
        ({"seeds": [1, 1]}, "each may be named once"),
        ({"seeds": [-1]}, "greater than or equal to 0"),
        ({"metrics": ["AUC"]}, "'AUC' is not a metric"),
        ({"baseline": "None"}, "baseline 'None' is no variant; known: Base, Mine"),
        ({"colour": "red"}, "'colour' is not known"),
        ({"settings": {"seed": 3}}, "settings.seed is no setting; known: device, kernels, model"),
        ({"settings": {"model": {"backbone": "fmlp"}}}, "write it under 'backbones'"),
        ({"settings": {"train": {"bach_size": 3}}}, "did you mean 'train.batch_size'?"),
        ({"settings": 3}, "'settings' = 3"),
        ({"name": "a/b"}, "name"),
        ({"published": "table9"}, "'table9' is no published table; known: table2, table3, table4,"),
        ({"published": "table1"}, "'table1' is no published table"),  # counts, no results
        ({"variants": {False: {"method": "base"}}}, "a label reads as False, not as text; write"),
        ({"variants": {" ": {"method": "base"}}}, "the label ' ' is not one line of text"),
        ({"variants": {"a\nb": {"method": "base"}}}, "is not one line of text"),
        ({"baseline": False}, "'baseline' = False"),
    ],
)
def test_what_cannot_work_is_told_in_one_line(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError) as caught:
        cells(load_experiment(write(tmp_path, **changes)), tmp_path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_label_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    rest = "datasets: [beauty]\nbackbones: [sasrec]\nvariants:\n"
    base, mine = "  A: &a {method: base}\n", "  A: {method: basrec}\n"
    file.write_text(f"{rest}{base}{mine}")
    with pytest.raises(InputError, match=r"key 'A' stands twice.*line 5, column 3"):
        load_experiment(str(file))
    file.write_text(f"{rest}{base}  B: {{<<: *a, method: basrec}}\n")  # this is no second one
    assert load_experiment(str(file)).variants["B"].method == "basrec"


def test_an_unknown_name_lists_those_that_are_shipped() -> None:
    with pytest.raises(
        InputError,
        match=r"'table9' is not known.*best, departures, quick, reproduction, repro.*, table2",
    ):
        load_experiment("table9")


def test_only_narrows_the_grid(tmp_path: Path) -> None:
    grid = cells(load_experiment(write(tmp_path)), tmp_path)
    some = selected(grid, ["dataset=yelp", "seed=3,5", "variant=Mine", "backbone=gru4rec"])
    assert [cell.name for cell in some] == ["yelp/gru4rec/Mine/3", "yelp/gru4rec/Mine/5"]
    assert selected(grid, []) == grid
    for wrong in ("seed=9", "colour=red", "seed", "variant=mine"):
        with pytest.raises(InputError, match="--only"):
            selected(grid, [wrong])


@pytest.mark.parametrize("name", known_experiments())
def test_every_shipped_experiment_is_whole(name: str, tmp_path: Path) -> None:
    experiment = load_experiment(name)
    grid = cells(experiment, tmp_path)
    sizes = [experiment.datasets, experiment.backbones, experiment.variants, experiment.seeds]
    count = 1
    for part in sizes:
        count *= len(part)  # type: ignore[arg-type]
    assert len(grid) == count
    assert experiment.title
