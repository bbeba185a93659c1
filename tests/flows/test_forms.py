"""The forms of flow parameters, and what becomes of what they send."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from flows.config import RunConfig, all_keys, resolve
from flows.forms import Config, run_form
from flows.sweep_request import SweepRequest
from pipeline.errors import InputError

FORM = run_form()
READ: TypeAdapter[RunConfig] = TypeAdapter(Config)


def keys_of(form: dict[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for name, inner in form["properties"].items():
        keys += (
            [prefix + name, *keys_of(inner, f"{prefix}{name}.")]
            if "properties" in inner
            else [prefix + name]
        )
    return keys


def field(form: dict[str, Any], *path: str) -> dict[str, Any]:
    for name in path:
        form = form["properties"][name]
    return form


def test_the_form_has_every_key_as_people_write_it() -> None:
    assert set(keys_of(FORM)) == set(all_keys(RunConfig)) - {"training", "method"}


def test_a_key_has_its_docstring_its_default_and_its_bounds() -> None:
    size = field(FORM, "train", "batch_size")
    assert (size["type"], size["minimum"], size["description"]) == ("integer", 1, "(default: 256)")
    alpha = field(FORM, "augmentation", "alpha")
    assert alpha["description"] == "Mixing weights are Beta(alpha, alpha). (default: 0.4)"
    assert field(FORM, "train", "loss")["enum"][0] == "bce"
    assert field(FORM, "data", "min_user_count")["type"] == "integer"  # null is left empty


def test_nothing_is_sent_for_what_was_left_alone() -> None:
    def checked(form: dict[str, Any]) -> None:
        assert "default" not in form and "required" not in form
        assert form.get("type") != "boolean"  # the UI would send false
        for inner in form.get("properties", {}).values():
            checked(inner)

    checked(FORM)
    assert field(FORM, "augmentation", "two_stages")["enum"] == [True, False]


@pytest.mark.parametrize(
    "sent",
    [
        {"dataset": "beauty"},
        {"dataset": "sample", "augmentation": {"rate": [0.1, 0.2], "two_stages": False}},
        {"name": "mine", "raw": ["a.csv"], "data": {"format": "table", "table": {"user": 1}}},
        {"name": "mine", "seed": 7, "published": {"users": 3}},
    ],
)
def test_the_server_takes_what_is_right(sent: dict[str, Any]) -> None:
    Draft202012Validator(FORM).validate(sent)


@pytest.mark.parametrize(
    "sent",
    [{"trian": {}}, {"train": {"batch": 1}}, {"train": {"batch_size": 0}}, {"training": {}}],
)
def test_the_server_refuses_what_is_wrong(sent: dict[str, Any]) -> None:
    assert not Draft202012Validator(FORM).is_valid(sent)


def test_what_is_sent_is_resolved_as_on_the_command_line() -> None:
    sent = {"dataset": "beauty", "preset": "reference", "augmentation": {"mixes": 9}}
    assert READ.validate_python(sent) == resolve(
        None, "beauty", ["preset=reference", "augmentation.mixes=9"]
    )


def test_what_is_resolved_stays_as_it_is() -> None:
    config = resolve(None, "beauty", ["seed=3"])
    assert READ.validate_python(config) is config


def test_a_wrong_key_is_told_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^config key 'trian' is not known; did you mean"):
        READ.validate_python({"dataset": "sample", "trian": {}})


def test_a_method_that_cannot_work_is_refused_before_any_work() -> None:
    with pytest.raises(Exception, match="nosuch"):
        READ.validate_python({"dataset": "sample", "methods": ["nosuch"]})


def test_the_form_of_a_sweep_has_settings_without_what_the_grid_goes_through() -> None:
    form = SweepRequest.model_json_schema()
    assert form["required"] == ["experiment"] and form["additionalProperties"] is False
    settings = form["properties"]["settings"]["properties"]
    assert "train" in settings and "preset" not in settings and "seed" not in settings
    assert form["properties"]["only"]["description"].startswith("Only these")
