"""Compile the C++ sources once for this machine, and load them.

The library lies in the user's cache folder under a name that knows the sources, the compiler and
the processor. Nothing is compiled where there is no compiler: training then takes PyTorch's own
operations.
"""

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

OPTIONS = (
    "-std=c++17",
    "-O3",
    "-march=native",
    "-ffast-math",
    "-fno-finite-math-only",
    "-fopenmp",
    "-fPIC",
    "-Wno-psabi",
)
# Fast arithmetic is for the compiler only: the linker would add start-up code that changes how the
# whole process treats tiny numbers.
LIBRARIES = ("-lgomp", "-lm")
SOURCES = ("transformer.cpp", "mixing.cpp", "ranking.cpp")
HEADERS = ("lanes.h", "matrix.h", "attention.h", "norm.h")


@cache
def load_library() -> ctypes.CDLL | str:
    """Give the compiled kernels, or say why they cannot be compiled or loaded."""
    name = os.environ.get("CXX") or "g++"
    try:
        compiler = shlex.split(name)
    except ValueError as exc:
        return f"CXX = {name!r} is no command ({exc}); name a C++ compiler in it"
    if platform.system() != "Linux":
        return "they are built on Linux only"
    if not compiler or shutil.which(compiler[0]) is None:
        return f"there is no C++ compiler {name!r}; install g++, or name one in CXX"
    try:
        return _load(compiler)
    except subprocess.CalledProcessError as exc:
        lines = exc.stderr.decode(errors="replace").strip().splitlines()
        return f"{name} fails: {lines[0] if lines else exc}"
    except (OSError, RuntimeError, subprocess.SubprocessError) as exc:
        return str(exc)


def _load(compiler: list[str]) -> ctypes.CDLL:
    """Load the library, built anew where what lies there is damaged."""
    place = _compiled(compiler)
    try:
        library = ctypes.CDLL(str(place))
    except OSError:
        place.unlink(missing_ok=True)
        library = ctypes.CDLL(str(_compiled(compiler)))
    for function in (library.transformer_kept, library.ranking_panel):
        function.restype = ctypes.c_int64
    return library


def _compiled(compiler: list[str]) -> Path:
    """Give the library's place, compiling where it is missing; it appears whole or not at all."""
    sources = files("basrec.kernels") / "source"
    texts = {name: (sources / name).read_bytes() for name in (*HEADERS, *SOURCES)}
    place = _cache_folder() / f"kernels-{_digest(compiler, texts)}.so"
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            for name, text in texts.items():
                (Path(scratch) / name).write_bytes(text)
            built = Path(scratch) / "kernels.so"
            paths = [str(Path(scratch) / name) for name in SOURCES]
            objects = [f"{path}.o" for path in paths]
            for path, made in zip(paths, objects, strict=True):
                _run([*compiler, *OPTIONS, *_wide(), "-c", path, "-o", made])
            _run([*compiler, "-shared", "-o", str(built), *objects, *LIBRARIES])
            built.rename(place)
    return place


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def _wide() -> tuple[str, ...]:
    """Ask for the widest vectors that there are, which the compiler avoids by itself."""
    return ("-mprefer-vector-width=512",) if platform.machine() == "x86_64" else ()


def _digest(compiler: list[str], texts: dict[str, bytes]) -> str:
    """Name a build by all that it depends on."""
    version = subprocess.run(
        [*compiler, "--version"], capture_output=True, check=True, timeout=20
    ).stdout
    digest = sha256(version + repr((OPTIONS, _wide(), LIBRARIES, platform.machine())).encode())
    processor = Path("/proc/cpuinfo")
    if processor.exists():
        told = (
            line
            for line in processor.read_text().splitlines()
            if line.startswith(("flags", "Features"))
        )
        digest.update(next(told, "").encode())
    for name, text in sorted(texts.items()):
        digest.update(name.encode() + text)
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (named if named.is_absolute() else Path.home() / ".cache") / "basrec"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
