"""What a sweep's experiment.yaml states of its grid; older sweeps may leave out what they like."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from basrec.errors import InputError
from basrec.files import read_yaml
from basrec.results import METRICS

EXPERIMENT = "experiment.yaml"
PRINTED = ("NDCG@10", "HR@10", "NDCG@20", "HR@20")
"""What the paper prints, where the experiment names no metrics."""


class StatedSettings(BaseModel):
    """Of a variant's settings, what a page needs to know."""

    evaluation: dict[str, Any] = {}


class StatedVariant(BaseModel):
    """What is stated of a variant."""

    method: str = ""
    preset: str = ""
    settings: StatedSettings = StatedSettings()


def _named(value: Any) -> Any:
    """Take names alone for variants of which nothing else is stated."""
    return {name: {} for name in value} if isinstance(value, list) else value


class Stated(BaseModel):
    """The experiment as its sweep has resolved it."""

    name: str = ""
    title: str = ""
    datasets: list[str] = []
    backbones: list[str] = []
    variants: Annotated[dict[str, StatedVariant], BeforeValidator(_named)] = {}
    seeds: list[Annotated[int, Field(strict=True)]] = []
    baseline: str = ""
    published: str | None = None
    metrics: list[str] = []

    @property
    def shown(self) -> list[str]:
        """Give the metrics that tables show."""
        return [name for name in self.metrics if name in METRICS] or list(PRINTED)


def compared_with(variant: str, baseline: str, kinds: Mapping[str, tuple[str, str]]) -> str:
    """Give what a variant is compared with: the baseline, or its like in the variant's preset.

    Presets may judge by other rules, so that only within one are metrics comparable. `kinds` are
    method and preset by variant.
    """
    method, preset = kinds[baseline][0], kinds[variant][1]
    if preset == kinds[baseline][1]:
        return baseline
    likes = (name for name, kind in kinds.items() if kind == (method, preset))
    return next(likes, baseline)


def read_stated(path: Path) -> Stated:
    """Read what is stated.

    Errors: InputError where the file cannot be read, or a value is of the wrong type.
    """
    try:
        return Stated.model_validate(read_yaml(path))
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(map(str, first["loc"])) or "all of it"
        told = f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}"
        raise InputError(f"{path}: not an experiment ({told}); is this a sweep's folder?") from exc
    except (OSError, ValueError) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); is this a sweep's folder?") from exc
