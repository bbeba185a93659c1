"""The training config and its presets."""

import pytest
from pydantic import ValidationError

from basrec.augmentation import OPERATORS
from basrec.augmentation.weights import WEIGHTS
from basrec.backbones import BACKBONES
from basrec.config import AugmentationConfig, ModelConfig, TrainConfig
from basrec.presets import PRESETS


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_is_a_valid_config(name: str) -> None:
    config = TrainConfig.model_validate({"preset": name, **PRESETS[name]})
    assert config.preset == name


def test_presets_differ_and_change_what_they_name() -> None:
    configs = [TrainConfig.model_validate(values) for values in PRESETS.values()]
    assert len({config.model_dump_json() for config in configs}) == len(PRESETS)
    default = TrainConfig().model_dump()
    for values in PRESETS.values():
        for section, changes in values.items():
            for key, value in changes.items():
                assert default[section][key] != value, (section, key)


def test_defaults_are_known_names() -> None:
    assert TrainConfig().model.backbone in BACKBONES
    assert set(AugmentationConfig().operators) <= set(OPERATORS)
    assert AugmentationConfig().weight in WEIGHTS


def test_unknown_keys_and_changes_are_refused() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        TrainConfig.model_validate({"model": {"hidden": 3}})
    with pytest.raises(ValidationError, match="frozen"):
        ModelConfig().max_length = 3  # type: ignore[misc]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_numbers_are_finite(value: float) -> None:
    for section, key in (("train", "learning_rate"), ("augmentation", "alpha")):
        with pytest.raises(ValidationError, match="finite"):
            TrainConfig.model_validate({section: {key: value}})


@pytest.mark.parametrize(("key", "value"), [("kernel_size", 65), ("dilations", [1, 4097])])
def test_shifts_that_no_sequence_needs_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match="less than or equal"):
        TrainConfig.model_validate({"model": {"nextitnet": {key: value}}})
