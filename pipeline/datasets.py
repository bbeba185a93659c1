"""What is known of each dataset: source, licence, address, protocol, published counts."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import InputError
from pipeline.passport import PublishedCounts
from pipeline.strict_yaml import load_strictly


class DatasetConfig(BaseModel):
    """One file of configs/datasets/.

    `data` and `neighbours` are sections of the config; `settings` holds, for each backbone, the
    published overrides of the training sections, and `best` those of the preset of that name, which
    takes none of the published ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    source: str
    licence: str
    url: str | None = None
    size_bytes: int | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of the file that the publisher gives, where it is known; what comes must have it."""
    terms: str | None = None
    """How to get the dump where it may not be fetched by a program."""
    published: PublishedCounts | None = None
    data: dict[str, Any] = {}
    neighbours: dict[str, Any] = {}
    settings: dict[str, dict[str, Any]] = {}
    best: dict[str, dict[str, Any]] = {}

    def settings_for(self, preset: str, backbone: str) -> dict[str, Any]:
        """Give what this dataset sets under a preset for a backbone."""
        return (self.best if preset == "best" else self.settings).get(backbone, {})


@cache
def configs_folder() -> Path:
    """Give the folder of the configs, in a checkout and in an installed wheel."""
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "configs"


def known_datasets() -> list[str]:
    """Name the datasets that have a config."""
    return sorted(path.stem for path in (configs_folder() / "datasets").glob("*.yaml"))


def load_dataset(name: str) -> DatasetConfig:
    """Read what is known of a dataset.

    Errors: InputError for a name that is not known.
    """
    if name not in known_datasets():
        raise InputError(f"dataset {name!r} is not known; known: {', '.join(known_datasets())}")
    path = configs_folder() / "datasets" / f"{name}.yaml"
    try:
        return DatasetConfig.model_validate(load_strictly(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, ValidationError, yaml.YAMLError) as exc:
        raise InputError(f"{path}: not a dataset config ({' '.join(str(exc).split())})") from exc
