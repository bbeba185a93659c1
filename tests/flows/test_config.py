"""How a run's config comes about."""

from pathlib import Path

import pytest

from basrec.presets import PRESETS
from flows.config import RunConfig, all_keys, build, merge, parse_overrides, resolve
from flows.run import training_config
from flows.search_config import Search
from pipeline.datasets import known_datasets, load_dataset
from pipeline.errors import InputError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def test_later_wins(tmp_path: Path) -> None:
    # defaults < preset < dataset < file < --set
    text = (
        "dataset: beauty\npreset: reference\naugmentation: {pairs: 7}\nevaluation: {ties: mean}\n"
    )
    config = resolve(write(tmp_path, text), None, ["augmentation.mixes=9"])
    augmentation = config.training.augmentation
    assert augmentation.without_neighbour == "random"  # preset
    assert augmentation.alpha == 0.4 and augmentation.rate == (0.2, 0.71)  # dataset
    assert augmentation.pairs == 7  # file over dataset
    assert augmentation.mixes == 9  # --set over dataset
    assert config.training.evaluation.seen == "zero"
    assert config.training.evaluation.ties == "mean"
    assert config.training.train.batch_size == 256  # default


def test_the_backbone_picks_the_published_settings() -> None:
    values = training_config("beauty", "sasrec", {"preset": "reference"}, [])
    assert (values.augmentation.pairs, values.model.dropout) == (2, 0.1)


def test_best_takes_its_own_settings_in_place_of_the_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = load_dataset("beauty").model_copy(
        update={"best": {"sasrec": {"train": {"negative_count": 77}}}}
    )
    monkeypatch.setattr("flows.config.load_dataset", lambda name: entry)
    own = training_config("beauty", "sasrec", {"preset": "best"}, [])
    assert own.train.loss == "sampled_softmax"  # preset
    assert own.train.negative_count == 77  # dataset over preset
    assert own.train.stage2.first_validation == 1  # the published 102 is left out
    other = training_config("beauty", "gru4rec", {"preset": "best"}, [])
    assert other.train.negative_count == 1024  # nothing told for this backbone
    assert training_config("beauty", "sasrec", {"preset": "paper"}, []).train.negative_count == 1


def test_the_name_of_a_file_names_the_run(tmp_path: Path) -> None:
    assert resolve(write(tmp_path, "seed: 3\n")).name == "mine"
    assert resolve(write(tmp_path, "seed: 3\n")).training.seed == 3


def test_raw_takes_one_path_or_many() -> None:
    assert resolve(None, "beauty", ["raw=a.gz"]).raw == [Path("a.gz")]
    assert resolve(None, "beauty", ["raw=[a.gz, b.gz]"]).raw == [Path("a.gz"), Path("b.gz")]


@pytest.mark.parametrize("name", known_datasets())
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_dataset_and_preset_resolves(name: str, preset: str) -> None:
    assert resolve(None, name, [f"preset={preset}"]).training.preset == preset


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("train.bach_size=1", "'train.bach_size' is not known; did you mean 'train.batch_size'?"),
        ("colour=red", "'colour' is not known"),
        ("train.batch_size=many", "'train.batch_size' = 'many': input should be a valid integer"),
        ("train.batch_size=0", "greater than or equal to 1"),
        ("data.format=csv", "'csv' is not a format; known: amazon_2014"),
        ("data.since=soon", "'soon' is not a time"),
        ("data.memory=lots", "'lots' is not a size"),
        ("augmentation.rate=[0.8, 0.2]", "the first must not exceed the second"),
        ("model.sasrec.heads=7", "does not divide"),
        ("name=../../etc", "name"),
        ("preset=nice", "preset = 'nice' is not known"),
        ("train.batch_size", "write key=value"),
        ("a=[", "not YAML"),
        ("train=3", "'train'"),
        ("model=3", "'model' = 3: input should be a valid dictionary"),
        ("preset=[a]", "preset = ['a'] is not known"),
        ("training.seed=3", "'training' is not known"),
        ("methods=[base, base]", "each method may be named once"),
    ],
)
def test_a_wrong_key_or_value_is_told_in_one_line(override: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(None, "beauty", [override])
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_config_are_errors(tmp_path: Path) -> None:
    for text, told in (("- a\n", "a mapping"), ("a: [", "not YAML")):
        with pytest.raises(InputError, match=told):
            resolve(write(tmp_path, text))
    with pytest.raises(InputError, match="no such config file"):
        resolve(tmp_path / "missing.yaml")
    with pytest.raises(InputError, match="'atlantis' is not known; known: beauty"):
        resolve(None, "atlantis")


def test_overrides_nest_and_merge() -> None:
    assert parse_overrides(["a.b=1", "a.c=[x, 2]", "d=null"]) == {
        "a": {"b": 1, "c": ["x", 2]},
        "d": None,
    }
    assert merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}


def test_promised_keys_exist() -> None:
    promised = (
        "data.min_count data.repeats model.embedding_size model.max_length train.batch_size "
        "train.learning_rate train.stage1.epochs train.stage2.epochs train.stage1.patience "
        "train.stage2.patience augmentation.alpha augmentation.rate augmentation.pairs "
        "augmentation.mixes evaluation.seen device"
    )
    assert set(promised.split()) <= set(all_keys(RunConfig))


def test_every_key_of_training_can_be_set() -> None:
    assert resolve(None, "sample", ["kernels=plain"]).training.kernels == "plain"
    assert resolve(None, "sample", ["train.loss=ce"]).training.train.loss == "ce"
    assert training_config(None, None, {}, ["kernels=plain"]).kernels == "plain"


def test_a_missing_key_is_named_without_all_that_is_around_it() -> None:
    with pytest.raises(InputError, match=r"^config key 'space' is missing$"):
        build(Search, {"name": "mine", "dataset": "sample"})
