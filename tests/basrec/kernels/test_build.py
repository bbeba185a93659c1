"""How the kernels are built and chosen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from basrec import kernels as kernels_package
from basrec.errors import InputError
from basrec.kernels import Kernels, build, choose_kernels, fitting
from basrec.kernels.calls import address

CPU = torch.device("cpu")


@pytest.fixture
def fresh() -> Iterator[None]:
    """Forget the library that was loaded, before and after."""
    for known in (build.load_library, kernels_package._tell):
        known.cache_clear()
    yield
    for known in (build.load_library, kernels_package._tell):
        known.cache_clear()


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
    build.load_library.cache_clear()
    caplog.clear()
    with pytest.raises(InputError, match=r"kernels = compiled, but .* install g\+\+") as error:
        choose_kernels("compiled", CPU)
    assert "kernels=auto" in str(error.value)
    assert caplog.records == []  # one clear line is enough


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


@pytest.mark.usefixtures("fresh")
def test_a_damaged_library_is_built_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kernels: Kernels
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "basrec").mkdir()
    place = build._compiled(["g++"])
    place.write_bytes(b"half a library")
    assert choose_kernels("compiled", CPU) is not None
    assert place.stat().st_size > 10_000


@pytest.mark.usefixtures("fresh")
def test_a_compiler_may_be_several_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kernels: Kernels
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "env g++")
    assert choose_kernels("compiled", CPU) is not None


def test_a_relative_cache_folder_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert build._cache_folder() == tmp_path / ".cache" / "basrec"


def test_only_whole_tensors_of_known_types_are_handed_over() -> None:
    for tensor in (torch.zeros(2, dtype=torch.float64), torch.zeros(2, 3).T):
        with pytest.raises(TypeError, match="whole float32 and int64 tensors"):
            address(tensor)


@pytest.mark.usefixtures("fresh")
def test_a_compiler_name_that_cannot_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", 'g++ "')
    assert choose_kernels("auto", CPU) is None
    assert "is no command (No closing quotation)" in caplog.text


@pytest.mark.usefixtures("fresh")
def test_an_empty_compiler_name_is_none_at_all(
    monkeypatch: pytest.MonkeyPatch, kernels: Kernels
) -> None:
    monkeypatch.setenv("CXX", "")
    assert choose_kernels("compiled", CPU) is not None
