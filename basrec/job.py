"""What one training job works with, and the checks before it starts."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from basrec.augmentation import Augmenter, build_augmenter, check_neighbours
from basrec.backbones import check_backbone
from basrec.config import TrainConfig
from basrec.devices import choose_device
from basrec.errors import InputError
from basrec.kernels import Kernels, choose_kernels
from basrec.precision import check_precision
from basrec.prepared import Prepared, read_prepared
from basrec.split import HELD_OUT, examples_of


@dataclass(frozen=True)
class Job:
    """A config resolved for this machine, the data, and the augmenter."""

    config: TrainConfig
    prepared: Prepared
    augmenter: Augmenter
    device: torch.device
    kernels: Kernels | None


def check_config(config: TrainConfig) -> None:
    """Refuse, before any work starts, a config that cannot work on this machine.

    Errors: InputError.
    """
    check_backbone(config.model.backbone)
    build_augmenter(config)
    choose_machine(config)


def choose_machine(config: TrainConfig) -> tuple[torch.device, Kernels | None]:
    """Give device and kernels that the config asks for, or refuse what this machine has not."""
    device = choose_device(config.device)
    check_precision(config.train.precision, device)
    return device, choose_kernels(config.kernels, device, config.train.precision)


def resolve_job(config: TrainConfig, prepared: Prepared) -> Job:
    """Resolve a config for this machine, and check that the data have what its method needs.

    Errors: InputError. The data stay where they are.
    """
    device, kernels = choose_machine(config)
    told = {"device": device.type, "kernels": "compiled" if kernels else "plain"}
    config = config.model_copy(update=told)
    augmenter = build_augmenter(config)
    check_neighbours(augmenter, "neighbours.parquet" in prepared.digests)
    augmenter.check_data(prepared)
    return Job(config, prepared, augmenter, device, kernels)


def open_job(prepared: Path, config: TrainConfig) -> Job:
    """Check the config, read the data and set the threads.

    Errors: InputError for a wrong config or folder, or one without examples to train or judge on.
    """
    if config.train.threads:
        torch.set_num_threads(config.train.threads)
    check_config(config)
    job = resolve_job(config, read_prepared(prepared))
    data = job.prepared.to(job.device)
    if len(examples_of(data, "train")) == 0:
        raise InputError(
            f"{prepared}: no user has the interactions that training needs under the split "
            f"{data.split} (leave_one_out: 4)"
        )
    for split in HELD_OUT:
        if len(examples_of(data, split)) == 0:
            raise InputError(f"{prepared}: no {split} target under the split {data.split}")
    return replace(job, prepared=data)
