"""The one device switch; the CUDA half runs where there is a device."""

from pathlib import Path

import pytest
import torch

from basrec.config import TrainConfig
from basrec.devices import choose_device
from basrec.errors import InputError
from basrec.run_folder import read_history
from basrec.training import train

HAS_CUDA = torch.cuda.is_available()


def test_auto_takes_what_there_is() -> None:
    assert choose_device("auto").type == ("cuda" if HAS_CUDA else "cpu")
    assert choose_device("cpu").type == "cpu"


@pytest.mark.skipif(HAS_CUDA, reason="this machine has a CUDA device")
def test_cuda_without_a_device_is_an_error_not_a_fallback() -> None:
    with pytest.raises(InputError, match="device=cpu"):
        choose_device("cuda")


@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA device here")
@pytest.mark.parametrize("partner_padding", ["shared", "encode", "skip"])
def test_cuda_learns_as_the_cpu_does(folder: Path, tmp_path: Path, partner_padding: str) -> None:
    losses = {}
    for device in ("cpu", "cuda"):
        config = TrainConfig.model_validate(
            {
                "device": device,
                "model": {"embedding_size": 8, "max_length": 10},
                "train": {"batch_size": 16, "stage1": {"epochs": 5}, "stage2": {"epochs": 3}},
                "augmentation": {"partner_padding": partner_padding},
            }
        )
        train(folder, tmp_path / device, config)
        losses[device] = read_history(tmp_path / device)[-1]["losses"]["main"]
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.1)  # other random streams
