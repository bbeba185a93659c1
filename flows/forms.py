"""Flow parameters as people write them: what Prefect's UI shows as a form and sends as JSON."""

from collections.abc import Iterable
from typing import Annotated, Any

from docstring_parser import parse_from_object
from pydantic import BaseModel, BeforeValidator, TypeAdapter, WithJsonSchema
from pydantic.fields import FieldInfo

from basrec.config import TrainConfig
from flows.config import TRAIN_KEYS, RunConfig, Values, resolve_values, section_of
from flows.experiment import SETTINGS
from flows.run import check_methods

Schema = dict[str, Any]
LEFT_EMPTY = "What is left empty is as the dataset and the preset say, or the default."


def form_of(model: type[BaseModel], keys: Iterable[str] = ()) -> Schema:
    """Give the JSON schema of a config's keys (all, or these): none required, others refused.

    The description of a key is the docstring below it, with its default.
    """
    told = {text.arg_name: text.description for text in parse_from_object(model).params}
    schemas: Schema = model.model_json_schema()["properties"]
    properties: Schema = {}
    for name in keys or model.model_fields:
        field = model.model_fields[name]
        section = section_of(field)
        text = told.get(name) or (section.__doc__ if section else None) or ""
        properties[name] = {
            **(form_of(section) if section else _value(schemas[name])),
            "title": name,
            "description": " ".join(f"{text} {'' if section else _default(field)}".split()),
            "position": len(properties),
        }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value(schema: Schema) -> Schema:
    """Give a key's own schema; null is what leaving it empty means, and no choice."""
    schema = {name: value for name, value in schema.items() if name != "default"}
    choices = [choice for choice in schema.pop("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema |= choices[0]
    elif choices:
        schema["anyOf"] = choices
    if schema.get("type") == "boolean":  # the form would send false for a switch left alone
        del schema["type"]
        schema["enum"] = [True, False]
    return schema


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default in (None, [], {}):
        return ""
    value = TypeAdapter(Any).dump_python(field.default, mode="json")
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    return f"(default: {shown})"


def run_form() -> Schema:
    """Give the form of a run: its own keys, and beside them those of training, as in a file."""
    own = [name for name in RunConfig.model_fields if name != "training"]
    form = form_of(RunConfig, own)
    for name, schema in form_of(TrainConfig, TRAIN_KEYS)["properties"].items():
        form["properties"][name] = schema | {"position": len(form["properties"])}
    return {**form, "title": "config", "description": LEFT_EMPTY}


def _resolved(config: Any) -> Any:
    """Resolve and check keys as written; what is resolved already stays."""
    if not isinstance(config, dict):
        return config
    resolved = resolve_values(config)
    check_methods(resolved)
    return resolved


Config = Annotated[RunConfig, BeforeValidator(_resolved), WithJsonSchema(run_form())]
"""A flow's config: resolved by the command line, or the keys that a form or a schedule sends."""
Settings = Annotated[Values, WithJsonSchema(form_of(TrainConfig, SETTINGS))]
"""What a sweep changes of the config of all its cells, likewise."""
