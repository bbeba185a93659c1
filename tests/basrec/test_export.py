"""Exported encoders against the model that they were made from."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from basrec import export as exporting
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.evaluation import load_recommender
from basrec.export import export
from basrec.model import Recommender, build_recommender
from basrec.packed import Packed
from basrec.rng import generator
from basrec.run_folder import read_config, write_config
from tests.basrec.backbones.entries import ENTRIES

V, L = 30, 7
INPUTS = torch.tensor(
    [
        [1, 2, 3, 4, 5, 6, 7],
        [0, 0, 0, 0, 0, 0, 30],
        [0, 0, 9, 9, 8, 1, 2],
        [0, 5, 4, 3, 2, 1, 30],
        [0, 0, 0, 0, 0, 6, 6],
    ]
)


@pytest.fixture
def make_run(tmp_path: Path) -> Any:
    """Give a function that writes what an export reads of a run folder."""

    def make(entry: str) -> Path:
        model = {"embedding_size": 8, "max_length": L, "initializer_range": 0.3, **ENTRIES[entry]}
        config = TrainConfig.model_validate({"model": model})
        run = tmp_path / "run"
        run.mkdir()
        write_config(run, config, tmp_path / "prepared")
        made = build_recommender(V, config.model, generator(1, "weights"))
        save_file(made.state_dict(), run / "model.safetensors")
        return run

    return make


def expected_of(run: Path) -> tuple[Tensor, Tensor]:
    """Give vectors (B, D) and scores (B, V) by the packed model, without padding."""
    model: Recommender = load_recommender(run, read_config(run)[0], V, torch.device("cpu")).eval()
    lengths = (INPUTS > 0).sum(1)
    with torch.no_grad():
        vectors = model(INPUTS[INPUTS > 0], lengths)[Packed.of(lengths).last]
        return vectors, vectors @ model.items.weight[1:-1].T


def run_onnx(path: Path, items: Tensor) -> list[Tensor]:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path)
    names = ["vectors", "scores"]
    return [torch.from_numpy(part) for part in session.run(names, {"items": np.asarray(items)})]


def run_torch(path: Path, items: Tensor) -> list[Tensor]:
    program = torch.export.load(io.BytesIO(path.read_bytes()))
    return list(program.module()(items))


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_an_export_equals_the_model_for_any_batch_size(
    make_run: Any, tmp_path: Path, entry: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("trace", "script"):
        monkeypatch.setattr(torch.jit, name, refuse_torchscript)
    run, path = make_run(entry), tmp_path / f"encoder.{form}"
    assert export(run, path, form) == path  # type: ignore[arg-type]
    assert not [left for left in tmp_path.iterdir() if ".tmp" in left.name]
    calls = {"onnx": run_onnx, "torch": run_torch}
    for first, last in ((0, 5), (0, 1), (1, 2), (3, 4)):
        told = calls[form](path, INPUTS[first:last])
        for found, exact in zip(told, expected_of(run), strict=True):
            torch.testing.assert_close(found, exact[first:last], rtol=0, atol=1e-5)


def refuse_torchscript(*arguments: object, **options: object) -> None:
    raise AssertionError("TorchScript")


def test_the_torch_form_holds_no_pickle(make_run: Any, tmp_path: Path) -> None:
    path = export(make_run("sasrec"), tmp_path / "encoder.pt2", "torch")
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert not (name.endswith((".pkl", ".pt")) and content), name
            assert not content.startswith((b"PK", b"\x80\x02")), name


def test_the_onnx_form_names_its_inputs_and_outputs(make_run: Any, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(export(make_run("gru4rec"), tmp_path / "encoder.onnx")).graph
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert shapes == {"items": ["batch", L], "vectors": ["batch", 8], "scores": ["batch", V]}


def test_a_missing_package_is_told_with_the_way_out(
    make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "ONNX_PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(InputError, match=r"needs no_such_package; pip install 'basrec\[export\]'"):
        export(make_run("sasrec"), tmp_path / "encoder.onnx")
    assert not (tmp_path / "encoder.onnx").exists()


def test_a_model_too_large_for_onnx_is_told(
    make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "ONNX_BYTES", 1000)
    with pytest.raises(InputError, match="one ONNX file holds 2 GiB; take --form torch"):
        export(make_run("sasrec"), tmp_path / "encoder.onnx")


def test_wrong_calls_are_refused(make_run: Any, tmp_path: Path) -> None:
    run = make_run("sasrec")
    with pytest.raises(InputError, match="write onnx or torch"):
        export(run, tmp_path / "encoder", "pickle")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such folder"):
        export(run, tmp_path / "missing" / "encoder", "torch")
    with pytest.raises(InputError, match="name a finished run"):
        export(tmp_path, tmp_path / "encoder", "torch")
    (run / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read"):
        export(run, tmp_path / "encoder", "torch")
