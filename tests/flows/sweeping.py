"""A small experiment on a small prepared folder."""

from pathlib import Path
from typing import Any

import yaml

from flows.experiment import Cell, Experiment, cells, load_experiment
from tests.basrec.conftest import write_prepared

TINY = {
    "device": "cpu",
    "kernels": "plain",
    "model": {"embedding_size": 8, "sasrec": {"inner_size": 8}},
    "train": {"stage1": {"epochs": 1}, "stage2": {"epochs": 1}},
}


def grid_of(data: Path, variants: dict[str, Any], **more: Any) -> tuple[Experiment, list[Cell]]:
    sequences = [[(user + place) % 9 + 1 for place in range(6)] for user in range(12)]
    write_prepared(data / "prepared" / "tiny", sequences, {1: 2, 2: 3})
    values = {"datasets": ["tiny"], "backbones": ["sasrec"], "settings": TINY, **more}
    file = data / "mine.yaml"
    file.write_text(yaml.safe_dump({**values, "variants": variants}, sort_keys=False))
    experiment = load_experiment(str(file))
    return experiment, cells(experiment, data)
