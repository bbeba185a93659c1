"""Compile the C++ sources once for this machine, and load them.

The library lies in the user's cache folder under a name that knows the sources, the compiler and
the processor. Nothing is compiled where there is no compiler: training then takes PyTorch's own
operations.
"""

import ctypes
import logging
import os
import platform
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
def load_library() -> ctypes.CDLL | None:
    """Give the compiled kernels, or None, told once, where they cannot be compiled or loaded."""
    name = os.environ.get("CXX", "g++")
    compiler = shutil.which(name)
    if platform.system() != "Linux":
        reason = "they are built on Linux only"
    elif compiler is None:
        reason = f"there is no C++ compiler {name!r}; install g++, or name one in CXX"
    else:
        try:
            return ctypes.CDLL(str(_compiled(compiler)))
        except subprocess.CalledProcessError as exc:
            lines = exc.stderr.decode(errors="replace").strip().splitlines()
            reason = f"{name} fails: {lines[0] if lines else exc}"
        except (OSError, subprocess.SubprocessError) as exc:
            reason = str(exc)
    logging.getLogger(__name__).warning(
        "compiled kernels are left out, so training takes about three times as long: %s", reason
    )
    return None


def _compiled(compiler: str) -> Path:
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
                _run([compiler, *OPTIONS, *_wide(), "-c", path, "-o", made])
            _run([compiler, "-shared", "-o", str(built), *objects, *LIBRARIES])
            built.rename(place)
    return place


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def _wide() -> tuple[str, ...]:
    """Ask for the widest vectors, which the compiler avoids by itself."""
    return ("-mprefer-vector-width=512",) if platform.machine() == "x86_64" else ()


def _digest(compiler: str, texts: dict[str, bytes]) -> str:
    """Name a build by all that it depends on."""
    version = subprocess.run(
        [compiler, "--version"], capture_output=True, check=True, timeout=20
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
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "basrec"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
