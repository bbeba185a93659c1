"""What the scripts that benchmarks/training.py runs share: a stop-watch and the sequences.

It needs NumPy and nothing else, for each of them runs in an environment of its own.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
BATCH = 256
SLOTS = 50
WARM_UP = 3
"""So many steps are taken before any is timed."""


@dataclass
class Steps:
    """Seconds of every step: getting the batch, and training on it."""

    fetching: list[float] = field(default_factory=list)
    working: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Give one step: the median of the work and the mean of the fetching, which is uneven."""
        return median(self.working) + fmean(self.fetching)

    def watch(self, batches: Iterable[T], count: int) -> Iterator[T]:
        """Give `count` batches, noting how long each took to come and to be worked on."""
        source, asked = iter(batches), time.perf_counter()
        for _ in range(count):
            batch = next(source, None)
            if batch is None:
                return
            came = time.perf_counter()
            yield batch
            done = time.perf_counter()
            self.fetching.append(came - asked)
            self.working.append(done - came)
            asked = time.perf_counter()


class Stopwatch:
    """Seconds of each measure, and the peak memory of the process after it."""

    def __init__(self) -> None:
        self.imports_mb = peak_mb()
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, float] = {}

    def add(self, name: str, seconds: float) -> None:
        """Note a measure."""
        self.seconds[name] = seconds
        self.peaks[name] = peak_mb()

    def add_steps(self, stage: str, suffix: str, steps: Steps, batches: int) -> None:
        """Note a step and the epoch of so many that follows from it."""
        self.add(f"{stage}_step{suffix}", steps.seconds)
        self.add(f"{stage}_epoch{suffix}", steps.seconds * batches)

    def time(self, name: str, work: Callable[[], T]) -> T:
        """Do some work and note how long it took."""
        started = time.perf_counter()
        result = work()
        self.add(name, time.perf_counter() - started)
        return result

    def tell(self, facts: dict[str, Any], versions: dict[str, str]) -> None:
        """Print everything as a line of JSON."""
        told = {
            "seconds": self.seconds,
            "peak_mb_after": self.peaks,
            "imports_mb": self.imports_mb,
            "facts": facts,
            "versions": {"python": sys.version.split()[0], **versions},
        }
        print(json.dumps(told))


@dataclass(frozen=True)
class Sequences:
    """All users' items, one after the other: items (N,), offsets (U + 1,)."""

    items: np.ndarray
    offsets: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "Sequences":
        """Read what benchmarks/training.py has written."""
        with np.load(path) as arrays:
            return cls(arrays["items"], arrays["offsets"])

    @property
    def num_users(self) -> int:
        """How many users there are."""
        return len(self.offsets) - 1

    def columns(self, held_out: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give user, item and place in time of all but each user's last `held_out` items."""
        lengths = np.diff(self.offsets)
        users = np.repeat(np.arange(1, len(lengths) + 1), lengths)
        places = np.arange(len(self.items)) - np.repeat(self.offsets[:-1], lengths)
        kept = places < np.repeat(lengths - held_out, lengths)
        return users[kept], self.items[kept], places[kept]

    def lists(self) -> list[list[int]]:
        """Give each user's items as a list."""
        return [part.tolist() for part in np.split(self.items, self.offsets[1:-1])]


def peak_mb() -> float:
    """Give this process's peak resident memory so far, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def read_options() -> dict[str, Any]:
    """Take the options from the command line, and off it."""
    options: dict[str, Any] = json.loads(sys.argv[1])
    del sys.argv[1:]  # RecBole reads its own settings from there.
    return options
