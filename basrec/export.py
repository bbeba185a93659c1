"""Write a finished run's encoder as one file that runs without this library.

Shapes: B sequences, L = max_length slots, D embedding size, V items.
"""

import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from basrec.errors import InputError
from basrec.evaluation import load_recommender, read_weights
from basrec.files import machine_errors, write_whole
from basrec.model import Recommender
from basrec.run_folder import read_config

Form = Literal["onnx", "torch"]
ONNX_PACKAGES = ("onnx", "onnxscript")
ONNX_BYTES = 2**31 - 2**24
"""A file of the form onnx holds 2 GiB at most; so much of it is left for weights."""


class PaddedEncoder(nn.Module):
    """What is exported: item ids in, the vector and the scores of what follows out."""

    def __init__(self, model: Recommender) -> None:
        super().__init__()
        self.model = model

    def forward(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Encode left-padded ids (B, L), giving vectors (B, D) and scores (B, V).

        0 is padding; column 0 of the scores is item 1. Items of the input are scored too.
        """
        lengths = (items > 0).sum(1)
        outputs = self.model.backbone.encode_padded(self.model.items(items), lengths)
        vectors = outputs[:, -1]
        return vectors, vectors @ self.model.items.weight[1:-1].T


def export(run: Path, out: Path, form: Form = "onnx") -> Path:
    """Write the encoder of a finished run to `out`: an ONNX model, or a program of torch.export.

    Input `items` (B, L) of int64, for any B; outputs `vectors` (B, D) and `scores` (B, V).
    Neither form is TorchScript or holds a pickle.
    Errors: InputError where the run cannot be read, a package is missing, or the form cannot
    hold so many items.
    """
    if form not in ("onnx", "torch"):
        raise InputError(f"--form {form!r}: write onnx or torch")
    if form == "onnx":
        _check_packages()
    if not out.parent.is_dir():
        raise InputError(f"{out.parent}: no such folder; make it, or choose another --out")
    encoder = PaddedEncoder(_load(run)).eval()
    if form == "onnx":
        _check_size(encoder)
    with _without_chatter():
        content = _onnx_bytes(encoder) if form == "onnx" else _torch_bytes(encoder)
    with machine_errors(f"{out}: writing the encoder"):
        write_whole(out, lambda beside: beside.write_bytes(content))
    return out


def _check_packages() -> None:
    """Refuse the form onnx where its packages are missing."""
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"--form onnx needs {' and '.join(missing)}; pip install 'basrec[export]', or take "
            "--form torch"
        )


def _check_size(encoder: PaddedEncoder) -> None:
    """Refuse the form onnx for a model that it cannot hold."""
    num_bytes = sum(weight.nbytes for weight in encoder.parameters())
    if num_bytes > ONNX_BYTES:
        raise InputError(
            f"the weights take {num_bytes} bytes and one ONNX file holds 2 GiB; take --form torch"
        )


def _load(run: Path) -> Recommender:
    """Load a run's recommender on the CPU, in PyTorch's own operations."""
    config, _ = read_config(run)
    plain = config.model_copy(update={"kernels": "plain"})
    num_items = len(read_weights(run)["items.weight"]) - 2  # see Recommender
    return load_recommender(run, plain, num_items, torch.device("cpu"))


def _example(encoder: PaddedEncoder) -> tuple[Tensor, ...]:
    """Give an input to record the operations on."""
    return (torch.ones(2, encoder.model.config.max_length, dtype=torch.int64),)


def _any_batch() -> dict[str, dict[int, torch.export.Dim]]:
    """Say that the number of sequences is not fixed."""
    return {"items": {0: torch.export.Dim("batch", min=1)}}


def _torch_bytes(encoder: PaddedEncoder) -> bytes:
    program = torch.export.export(encoder, _example(encoder), dynamic_shapes=_any_batch())
    program.example_inputs = None  # they would be a pickle
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def _onnx_bytes(encoder: PaddedEncoder) -> bytes:
    program = torch.onnx.export(
        encoder,
        _example(encoder),
        dynamo=True,
        input_names=["items"],
        output_names=["vectors", "scores"],
        dynamic_shapes=_any_batch(),
        verbose=False,
    )
    assert program is not None
    content: bytes = program.model_proto.SerializeToString()
    return content


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep back what the exporters say of their own insides."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
