"""An experiment: the grid dataset x backbone x variant x seed, checked before any work starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

import basrec.errors
from basrec.config import TrainConfig
from basrec.job import check_config
from basrec.results import METRICS
from basrec.stated import compared_with
from flows.config import TRAIN_KEYS, RunConfig, Values, build, merge, read_yaml, resolve_values
from flows.folders import Folders
from flows.published_tables import check_published
from pipeline.datasets import configs_folder, known_datasets
from pipeline.errors import InputError

SETTINGS = tuple(key for key in TRAIN_KEYS if key not in ("preset", "seed"))
"""The keys that `settings` may hold; the others are what the grid goes through."""
AXES = ("dataset", "backbone", "variant", "seed")
Names = Annotated[list[str], Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Variant(BaseModel):
    """One method, the preset it starts from and what it changes of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    preset: str = "paper"
    settings: Values = {}
    """Nested keys of the config, over those of the experiment."""


class Experiment(BaseModel):
    """One file of configs/experiments/."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Names the folder below data/sweeps/."""
    title: str = ""
    datasets: Names
    """Known datasets, or folders below data/prepared/."""
    backbones: Names
    variants: Annotated[dict[str, Variant], Field(min_length=1)]
    """By the label that the results name them by."""
    seeds: Annotated[list[Seed], Field(min_length=1)] = [1]
    settings: Values = {}
    """Nested keys of the config, for all cells, over the published settings of the datasets."""
    baseline: str = ""
    """The variant that gains and tests are against; the first, if none is named."""
    published: str | None = None
    """The published table that these results stand beside."""
    metrics: Names = ["HR@10", "HR@20", "NDCG@10", "NDCG@20"]
    """What tables show; the results hold all."""

    @field_validator("datasets", "backbones", "seeds", "metrics")
    @classmethod
    def _differ(cls, value: list[Any]) -> list[Any]:
        if len(set(value)) < len(value):
            raise ValueError("each may be named once")
        return value

    @field_validator("metrics")
    @classmethod
    def _metrics_are_known(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in METRICS:
                raise ValueError(f"{name!r} is not a metric; known: {', '.join(METRICS)}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _first_is_baseline(cls, values: Any) -> Any:
        variants = values.get("variants") if isinstance(values, dict) else None
        if not isinstance(variants, dict):
            return values
        for label in variants:
            if not isinstance(label, str):  # YAML reads No, Yes, On, Off, null and numbers so
                raise ValueError(
                    f"variants: a label reads as {label!r}, not as text; write it in quotes"
                )
            if not label.strip() or not label.isprintable():
                raise ValueError(f"variants: the label {label!r} is not one line of text")
        if variants and values.get("baseline") in (None, ""):
            return {**values, "baseline": next(iter(variants))}
        return values

    @model_validator(mode="after")
    def _baseline_is_a_variant(self) -> "Experiment":
        if self.baseline not in self.variants:
            raise ValueError(
                f"baseline {self.baseline!r} is no variant; known: {', '.join(self.variants)}"
            )
        return self

    def base_of(self, label: str) -> str:
        """Give what a variant is compared with."""
        kinds = {name: (each.method, each.preset) for name, each in self.variants.items()}
        return compared_with(label, self.baseline, kinds)


@dataclass(frozen=True)
class Cell:
    """One training of the grid."""

    dataset: str
    backbone: str
    variant: str
    seed: int
    config: TrainConfig

    @property
    def name(self) -> str:
        """Say in one word which it is."""
        return f"{self.dataset}/{self.backbone}/{self.variant}/{self.seed}"


def known_experiments() -> list[str]:
    """Name the experiments that are shipped."""
    return sorted(path.stem for path in (configs_folder() / "experiments").glob("*.yaml"))


def load_experiment(named: str, changes: Values | None = None) -> Experiment:
    """Read an experiment by its file or, for one that is shipped, by its name.

    `changes` are settings for all cells; those of a variant win over them.
    Errors: InputError where there is none, or a key or value is wrong.
    """
    file = Path(named)
    if not file.is_file() and named in known_experiments():
        file = configs_folder() / "experiments" / f"{named}.yaml"
    if not file.is_file() and file.suffix not in (".yaml", ".yml"):
        raise InputError(
            f"experiment {named!r} is not known; name a YAML file, or one of: "
            f"{', '.join(known_experiments())}"
        )
    values = {"name": file.stem, **read_yaml(file)}
    if changes:
        own = values.get("settings", {})
        values["settings"] = merge(own, changes) if isinstance(own, dict) else own
    try:
        experiment = build(Experiment, values)
        _check_settings("settings", experiment.settings)
        for label, variant in experiment.variants.items():
            _check_settings(f"variants.{label}.settings", variant.settings)
        check_published(experiment.published)
    except InputError as exc:
        raise InputError(f"{file}: {exc}") from exc
    return experiment


def cells(experiment: Experiment, data: Path = Path("data")) -> list[Cell]:
    """Give every combination in the order of the file, each config resolved and checked.

    Errors: InputError for the first that cannot work on this machine.
    """
    grid = []
    for dataset in experiment.datasets:
        _check_dataset(dataset, data)
        for backbone in experiment.backbones:
            for label in experiment.variants:
                config = _config(experiment, dataset, backbone, label)
                for seed in experiment.seeds:
                    seeded = config.model_copy(update={"seed": seed})
                    grid.append(Cell(dataset, backbone, label, seed, seeded))
    return grid


def selected(grid: list[Cell], only: Sequence[str]) -> list[Cell]:
    """Keep the cells that `KEY=VALUE[,VALUE]` name; each further one narrows it.

    Errors: InputError for a key or value that the grid has not.
    """
    for text in only:
        key, sign, value = text.partition("=")
        if not sign or key not in AXES:
            raise InputError(f"--only {text!r}: write KEY=VALUE; keys: {', '.join(AXES)}")
        values = {str(getattr(cell, key)) for cell in grid}
        wanted = {value} if value in values else set(value.split(","))
        if not wanted <= values:
            raise InputError(
                f"--only {text!r}: no {key} {', '.join(sorted(wanted - values))!s} here; there is: "
                f"{', '.join(sorted(values))}"
            )
        grid = [cell for cell in grid if str(getattr(cell, key)) in wanted]
    return grid


def run_config(dataset: str, user: Values) -> RunConfig:
    """Resolve a config on a known dataset with its settings, or on a prepared folder."""
    if dataset in known_datasets():
        return resolve_values(user, dataset)
    return resolve_values({**user, "name": dataset})


def _config(experiment: Experiment, dataset: str, backbone: str, label: str) -> TrainConfig:
    variant = experiment.variants[label]
    user = merge(experiment.settings, variant.settings)
    user = merge(user, {"preset": variant.preset, "model": {"backbone": backbone}})
    try:
        config = run_config(dataset, user).for_method(variant.method)
        check_config(config)
    except (InputError, basrec.errors.InputError) as exc:
        raise InputError(f"{dataset}/{backbone}/{label}: {exc}") from exc
    return config


def _check_dataset(name: str, data: Path) -> None:
    if name not in known_datasets() and not Folders(data, name).prepared.is_dir():
        raise InputError(
            f"dataset {name!r}: neither known ({', '.join(known_datasets())}) nor prepared; "
            f"make {Folders(data, name).prepared} with 'basrec prepare'"
        )


def _check_settings(place: str, settings: Values) -> None:
    for key, value in settings.items():
        if key not in SETTINGS:
            raise InputError(f"{place}.{key} is no setting; known: {', '.join(SETTINGS)}")
        if key == "model" and isinstance(value, dict) and "backbone" in value:
            raise InputError(f"{place}.model.backbone: write it under 'backbones'")
