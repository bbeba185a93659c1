"""Small datasets for methods that generate, and a short way to run them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from basrec.config import TrainConfig
from basrec.generation import Generation, generation_key
from basrec.job import open_job
from basrec.prior import Generated
from tests.basrec.conftest import write_prepared

Make = Callable[..., Generated]


def settings(method: str, prior: dict[str, Any] | None = None, **sections: Any) -> TrainConfig:
    """Give a config that trains and generates in a second."""
    augmentation: dict[str, Any] = {
        "prior": {"count": 3, "shorter_than": "all"} | (prior or {}),
        "asrep": {"epochs": 2},
        "diffuasr": {
            "pretraining": {"epochs": 2},
            "epochs": 2,
            "steps": 20,
            "sample_steps": 5,
            "batch_size": 16,
            "guidance_scale": 4.0,
            "learning_rate": 0.01,
        },
    }
    for name, value in sections.pop("augmentation", {}).items():
        augmentation[name] = augmentation[name] | value
    train = {"batch_size": 64, "learning_rate": 0.01, "stage1": {"epochs": 1}}
    values: dict[str, Any] = {
        "method": method,
        "device": "cpu",
        "model": {"embedding_size": 16, "max_length": 10} | sections.pop("model", {}),
        "train": train | {"checkpoint_seconds": 0} | sections.pop("train", {}),
        "augmentation": augmentation,
    }
    return TrainConfig.model_validate(values | sections)


@pytest.fixture
def make_prior(tmp_path: Path) -> Make:
    """Give a function that generates for a folder and config."""

    def run(folder: Path, config: TrainConfig, on_epoch: Any = None) -> Generated:
        job = open_job(folder, config)
        work = tmp_path / f"work{len(list(tmp_path.iterdir()))}"
        work.mkdir()
        told = on_epoch or (lambda line: None)
        return job.augmenter.generate(Generation(job, generation_key(job), work, told))

    return run


def chain(users: int, items: int, first: int = 1) -> list[list[int]]:
    """Give sequences of 4 to 11 items in which item i is always followed by i + 1."""
    return [
        [(first + 7 * user + step) % items + 1 for step in range(4 + user % 8)]
        for user in range(users)
    ]


@pytest.fixture(scope="session")
def chain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 users, 40 items, each item always followed by the next one."""
    lists = chain(240, 40)
    return write_prepared(tmp_path_factory.mktemp("chain"), lists, {1: 2})
