"""What a search varies, how, and by which metric it chooses.

Later wins: defaults < preset < dataset config < `settings` < the point of the space.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from basrec.config import TrainConfig
from basrec.presets import flatten
from basrec.results import METRICS
from flows.config import Values, build, merge, parse_overrides, read_yaml
from flows.run import training_config
from flows.search_space import Dimension, Point, Range, parse_space
from pipeline.datasets import configs_folder
from pipeline.errors import InputError

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
SETTINGS = ("model", "train", "augmentation", "evaluation", "device", "kernels")
"""Where the keys that a search may fix or vary begin."""
RATE_KEY = "augmentation.rate"
RATE = (f"{RATE_KEY}.0", f"{RATE_KEY}.1")
"""The two numbers of `augmentation.rate`: a and b."""
TRIALS = 50
"""As many as tpe and random make unless told otherwise."""


class Pruner(BaseModel):
    """When a trial is given up: below the median of the finished ones at the same epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    startup: Count = 5
    """So many trials must have been trained to the end before any is given up."""
    warmup: Count = 10
    """Epochs of each stage in which none is given up."""
    patience: Count = 0
    """Give up only after so many validations without a new best of the trial itself."""


class Search(BaseModel):
    """One search: everything but where the folders lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Names its folders below data/; default: the file's name."""
    dataset: str | None = None
    """A known dataset, whose published settings are taken first."""
    prepared: Path | None = None
    """The prepared folder; default: that of the dataset."""
    method: str = "basrec"
    backbone: str = "sasrec"
    preset: str | None = None
    seeds: tuple[Count, ...] = Field(default=(1,), min_length=1)
    """A trial is trained with each, and its value is the mean."""
    settings: Values = {}
    """Config keys that are the same in all trials."""
    space: dict[str, Dimension] = Field(min_length=1)
    """Config keys that are varied: choices, or {low, high, step, log}."""
    metric: str = "NDCG@20"
    """Of the validation split; what the search maximises."""
    sampler: Literal["tpe", "grid", "random"] = "tpe"
    sampler_seed: Count = 1
    """Same seed, same trials."""
    trials: Positive | None = None
    """Default: all points of a grid, else 50."""
    pruner: Pruner | None = Pruner()
    """null: every trial is trained to its end."""
    keep: Positive = 5
    """The run folders of so many of the best trials are kept."""

    @field_validator("seeds", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, int) else value

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("each seed may be named once")
        return value

    @field_validator("space", mode="before")
    @classmethod
    def _read_space(cls, value: Any) -> Any:
        space = parse_space(value)
        _check_sections("space", space)
        return space

    @field_validator("settings")
    @classmethod
    def _settings_train(cls, value: Values) -> Values:
        _check_sections("settings", value)
        return value

    @field_validator("metric")
    @classmethod
    def _validation_decides(cls, value: str) -> str:
        if "test" in value.lower():
            raise ValueError(
                "validation alone decides; the test split is measured once, of the best trial"
            )
        if value not in METRICS:
            raise ValueError(f"not a metric of the validation split; known: {', '.join(METRICS)}")
        return value

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        if self.dataset is None and self.prepared is None:
            raise ValueError("name a known dataset, or a prepared folder")
        open_ended = [key for key, axis in self.space.items() if not _steps(axis)]
        if self.sampler == "grid" and open_ended:
            raise ValueError(f"space {open_ended[0]!r}: a grid needs choices, or a step")
        for key in flatten(self.settings):
            if key in self.space or (key == RATE_KEY and set(RATE) <= self.space.keys()):
                raise ValueError(
                    f"settings {key!r}: the space varies it, so this would never be read; leave "
                    "it out (of --set too), or take it out of the space"
                )
        return self

    @property
    def num_trials(self) -> int:
        """Give the number of trials of the whole search."""
        if self.sampler != "grid":
            return self.trials or TRIALS
        size = 1
        for axis in self.space.values():
            size *= len(_steps(axis))
        return min(size, self.trials or size)

    def grid_point(self, index: int) -> Point:
        """Give a point of the grid, counted from 0; the last key of the space changes first."""
        point: Point = {}
        for key, axis in reversed(self.space.items()):
            values = _steps(axis)
            index, place = divmod(index, len(values))
            point[key] = values[place]
        return {key: point[key] for key in self.space}


def _steps(axis: Dimension) -> Sequence[Any]:
    """Give the values of one dimension in turn; none where it has no end of them."""
    return axis.steps() if isinstance(axis, Range) else axis


def _check_sections(part: str, keys: Mapping[str, Any]) -> None:
    for key in keys:
        if key.split(".")[0] not in SETTINGS:
            raise ValueError(f"{key!r} is no key that {part} may hold: {', '.join(SETTINGS)}")


def load_search(file: Path, overrides: Sequence[str] = ()) -> Search:
    """Read a search, from a file or by the name of one that comes with the package.

    An override is a key of the search, or a config key, which then belongs to its settings.
    Errors: InputError for an unknown key or a value that cannot work, before any work.
    """
    path = _find(file)
    values, changes = read_yaml(path), parse_overrides(overrides)
    fixed = {key: changes.pop(key) for key in SETTINGS if key in changes}
    values = merge(values, merge(changes, {"settings": fixed} if fixed else {}))
    try:
        search = build(Search, {"name": path.stem} | values)
        check_values(search)
    except InputError as exc:
        raise InputError(f"{path}: {exc}") from exc
    return search


def shipped_searches() -> list[str]:
    """Name the searches that come with the package."""
    return sorted(path.stem for path in (configs_folder() / "searches").glob("*.yaml"))


def _find(file: Path) -> Path:
    """Give the file, or the shipped one of this name."""
    if str(file) in shipped_searches() and not file.exists():
        return configs_folder() / "searches" / f"{file}.yaml"
    if not file.exists():
        known = ", ".join(shipped_searches())
        raise InputError(f"{file}: no such search file; those that come along: {known}")
    return file


def check_values(search: Search) -> None:
    """Refuse keys that are not known, and values that no config takes."""
    config_at(search, {}, search.seeds[0])
    for key, axis in search.space.items():
        ends = (axis.low, axis.high) if isinstance(axis, Range) else axis
        for value in ends:
            # Each end of the rate is judged alone: which pairs are in order, the trial will tell.
            widest = {RATE[0]: {RATE[1]: 1.0}, RATE[1]: {RATE[0]: 0.0}}.get(key, {})
            config_at(search, {**widest, key: value}, search.seeds[0])


def config_at(search: Search, point: Point, seed: int) -> TrainConfig:
    """Give the training config of a point of the space.

    Errors: InputError where it cannot work.
    """
    options = {"method": search.method, "preset": search.preset, "seed": seed}
    changes = set_arguments(search, point)
    return training_config(search.dataset, search.backbone, options, changes)


def set_arguments(search: Search, point: Point) -> list[str]:
    """Give settings and point as what one writes after --set."""
    values = flatten(search.settings)
    ends = [point.get(key) for key in RATE]
    if any(end is not None for end in ends):
        fixed = config_at(search, {}, search.seeds[0]).augmentation.rate
        values[RATE_KEY] = [
            own if own is not None else other for own, other in zip(ends, fixed, strict=True)
        ]
    values |= {key: value for key, value in point.items() if key not in RATE}
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]
