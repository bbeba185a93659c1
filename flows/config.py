"""The whole config of a run, and how it comes about.

Later wins: defaults < preset < dataset config < the user's file < `--set key=value`.
"""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from basrec.config import TrainConfig
from basrec.presets import PRESETS
from flows.publish_config import LockConfig, PublishConfig
from flows.watch_config import NotifyConfig, RetryConfig, TrackingConfig
from pipeline.config import DataConfig, NeighbourConfig
from pipeline.datasets import load_dataset
from pipeline.errors import InputError
from pipeline.passport import PublishedCounts
from pipeline.strict_yaml import load_strictly

Values = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)
TRAIN_KEYS = tuple(key for key in TrainConfig.model_fields if key != "method")
"""Keys of training, which stand beside those of the data in one file."""
SHOWN_LETTERS = 200
"""So much of a wrong value is shown."""
MAY_BE_SECRET = ("notify.webhook", "tracking.mlflow")
"""Keys of which a wrong value is not shown at all."""


class RunConfig(BaseModel):
    """One dataset, prepared one way, and the methods to train on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Names the folders below data/."""
    dataset: str | None = None
    """A known dataset, whose config is taken first."""
    raw: list[Path] = []
    """The raw dump: files, folders or patterns."""
    items: list[Path] = []
    """Metadata of the items (titles, brands, categories): files or folders; may be left out."""
    methods: list[str] = Field(default=["base", "basrec"], min_length=1)
    """What is trained and compared; `base` is always trained first."""
    published: PublishedCounts | None = None
    """The published counts, which the passport is to be compared with."""
    data: DataConfig = DataConfig()
    neighbours: NeighbourConfig = NeighbourConfig()
    training: TrainConfig = TrainConfig()
    verify: Literal["stat", "content"] = "stat"
    """How a rebuild finds that nothing is new: by the files' marks, or by reading them all."""
    retry: RetryConfig = RetryConfig()
    notify: NotifyConfig = NotifyConfig()
    tracking: TrackingConfig = TrackingConfig()
    publish: PublishConfig = PublishConfig()
    lock: LockConfig = LockConfig()

    @field_validator("raw", "items", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, Path)) else value

    @field_validator("methods")
    @classmethod
    def _methods_differ(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("each method may be named once")
        return value

    def for_method(self, method: str) -> TrainConfig:
        """Give the training config of one of the methods."""
        return self.training.model_copy(update={"method": method})


def resolve(
    file: Path | None = None, dataset: str | None = None, overrides: Sequence[str] = ()
) -> RunConfig:
    """Resolve the config of a run.

    Errors: InputError for an unknown dataset or key, or a value of the wrong type.
    """
    own = read_yaml(file) if file else {}
    user = merge(own, parse_overrides(overrides))
    return resolve_values(user, dataset, file.stem if file else None)


def resolve_values(user: Values, dataset: str | None = None, name: str | None = None) -> RunConfig:
    """Resolve what a user has set; `name` names a run that says no name and no dataset."""
    if "training" in user:  # our own name for the sections below it; users write them flat
        raise InputError("config key 'training' is not known; write its keys without it")
    preset = user.get("preset", "paper")
    if not isinstance(preset, str) or preset not in PRESETS:
        raise InputError(f"preset = {preset!r} is not known; known: {', '.join(PRESETS)}")
    chosen = dataset or user.get("dataset")
    known: Values = {}
    if chosen:
        entry = load_dataset(str(chosen))
        model = user.get("model")
        backbone = model.get("backbone", "sasrec") if isinstance(model, dict) else "sasrec"
        known = {
            "name": entry.name,
            "dataset": entry.name,
            "published": entry.published,
            "data": entry.data,
            "neighbours": entry.neighbours,
            **entry.settings_for(preset, str(backbone)),
        }
    values = merge(merge(PRESETS[preset], known), user)
    values.setdefault("name", name)
    values["training"] = {key: values.pop(key) for key in TRAIN_KEYS if key in values}
    return build(RunConfig, values)


def build(model: type[Model], values: Values) -> Model:
    """Validate values; say of the first wrong one which it is and what would be right."""
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        raise InputError(explain(exc, model)) from exc


def explain(exc: ValidationError, model: type[BaseModel]) -> str:
    """Tell the first error of a validation in one line."""
    first = exc.errors()[0]
    path = [str(part) for part in first["loc"] if part != "training"]
    key = ".".join(path) or "config"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, all_keys(model), n=1, cutoff=0.5)
        advice = f"did you mean {near[0]!r}?" if near else "see docs/configuration.md"
        return f"config key {key!r} is not known; {advice}"
    if first["type"] == "missing":  # its input is all that is around it
        return f"config key {key!r} is missing"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error" and isinstance(first["input"], dict):  # of several keys
        return f"config{' ' + repr(key) if path else ''}: {message}"
    told = "" if key in MAY_BE_SECRET else f" = {_short(first['input'])}"
    return f"config key {key!r}{told}: {message[0].lower()}{message[1:]}"


def _short(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= SHOWN_LETTERS else f"{told[:SHOWN_LETTERS]}..."


def all_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """List the dotted keys of a config, as users write them."""
    keys = []
    for name, field in model.model_fields.items():
        inner = "" if name == "training" else f"{prefix}{name}."
        keys.append(f"{prefix}{name}")
        section = section_of(field)
        keys += all_keys(section, inner) if section else []
    return keys


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Give the section that a key holds, which may be optional."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def parse_overrides(overrides: Sequence[str]) -> Values:
    """Turn `a.b=c` into nested values; c is read as YAML."""
    values: Values = {}
    for text in overrides:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise InputError(f"--set {text!r}: write key=value, for example train.batch_size=512")
        try:
            parsed = load_strictly(value)
        except yaml.YAMLError as exc:
            raise InputError(f"--set {text!r}: the value is not YAML") from exc
        nested: Values = {}
        inner = nested
        *path, last = key.strip().split(".")
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = parsed
        values = merge(values, nested)
    return values


def merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> Values:
    """Lay one nested mapping over another."""
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def read_yaml(file: Path) -> Values:
    """Read a config file.

    Errors: InputError where it cannot be read, or is no mapping.
    """
    try:
        values = load_strictly(file.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise InputError(f"{file}: no such config file") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{file}: cannot be read ({exc})") from exc
    except yaml.YAMLError as exc:
        raise InputError(f"{file}: not YAML ({' '.join(str(exc).split())})") from exc
    if not isinstance(values, dict):
        raise InputError(f"{file}: a config is a mapping of keys to values")
    return values
