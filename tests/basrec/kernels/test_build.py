"""How the kernels are built and chosen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from basrec.errors import InputError
from basrec.kernels import Kernels, build, choose_kernels, fitting

CPU = torch.device("cpu")


@pytest.fixture
def fresh() -> Iterator[None]:
    """Forget the library that was loaded, before and after."""
    build.load_library.cache_clear()
    yield
    build.load_library.cache_clear()


def test_other_precisions_and_devices_take_the_plain_way(kernels: Kernels) -> None:
    assert fitting(kernels, torch.zeros(1)) is kernels
    assert fitting(kernels, torch.zeros(1, dtype=torch.float64)) is None
    assert fitting(kernels, torch.zeros(1, device="meta")) is None
    assert choose_kernels("auto", torch.device("cuda")) is None
    with pytest.raises(InputError, match="they are for float32 on the CPU"):
        choose_kernels("compiled", torch.device("cuda"))


@pytest.mark.usefixtures("fresh")
def test_without_a_compiler_the_plain_way_is_taken_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert choose_kernels("auto", CPU) is None
    assert choose_kernels("auto", CPU) is None
    assert [record.getMessage() for record in caplog.records] == [
        "compiled kernels are left out, so training takes about three times as long: there is no "
        "C++ compiler 'no-such-compiler'; install g++, or name one in CXX"
    ]
    with pytest.raises(InputError, match=r"kernels = compiled, but .* install g\+\+"):
        choose_kernels("compiled", CPU)


@pytest.mark.usefixtures("fresh")
def test_a_compiler_that_fails_is_no_compiler(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "false")
    assert choose_kernels("auto", CPU) is None
    assert "false fails" in caplog.text


@pytest.mark.usefixtures("fresh")
def test_a_build_goes_to_the_cache_and_is_used_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kernels: Kernels
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert choose_kernels("compiled", CPU) is not None
    (built,) = (tmp_path / "basrec").iterdir()
    written = built.stat().st_mtime_ns
    build.load_library.cache_clear()
    assert choose_kernels("compiled", CPU) is not None
    assert built.stat().st_mtime_ns == written
