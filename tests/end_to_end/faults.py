"""What the tests of faults share: a small training, and what a folder holds."""

from pathlib import Path
from typing import Any

import pytest

from basrec.config import TrainConfig
from basrec.files import digest_file
from basrec.training import train
from pipeline.config import DataConfig

DATA = DataConfig.model_validate({"format": "amazon_2018", "min_count": 3})
CONFIG: dict[str, Any] = {
    "device": "cpu",
    "kernels": "plain",
    "method": "base",
    "model": {"embedding_size": 16, "max_length": 20},
    "train": {"batch_size": 8, "stage1": {"epochs": 3}, "checkpoint_seconds": 0},
}
TRAIN = TrainConfig.model_validate(CONFIG)


@pytest.fixture(scope="session")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run that no fault has met."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train(prepared, run, TRAIN)
    return run


def weights(run: Path) -> str:
    return digest_file(run / "model.safetensors")


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): digest_file(path) for path in files}


def order_of(prepared: Path, out: Path, config: TrainConfig) -> dict[str, Any]:
    """Give what a sweep tells the process of a training."""
    return {
        "kind": "train",
        "config": config.model_dump(mode="json"),
        "prepared": str(prepared),
        "out": str(out),
        "start_from": None,
        "generated": None,
        "lock": str(out.with_name("lock")),
    }


def children_of_this() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]
