"""What several test folders share: raw lines, and where the real data lie."""

import gzip
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

Row = tuple[str, str, int]
SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """Undo what a shell does in the background: all that the tests start would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of real data, or skip."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"the real data are not here ({SHARED / 'data'})")
    return SHARED


@pytest.fixture
def write_dump(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes (user, item, day) rows as an Amazon 2014 dump."""

    def write(rows: list[Row], *, name: str = "dump.json.gz", extra: list[str] = []) -> Path:  # noqa: B006
        lines = [
            json.dumps(
                {
                    "reviewerID": user,
                    "asin": item,
                    "overall": 5.0,
                    "unixReviewTime": 1_300_000_000 + day * 86_400,
                }
            )
            for user, item, day in rows
        ]
        path = tmp_path / name
        text = "".join(f"{line}\n" for line in [*lines, *extra])
        with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as out:
            out.write(text)
        return path

    return write


def dense_rows(users: int = 6, items: int = 6) -> list[Row]:
    """Give rows in which every user has every item, one a day: a core by any k <= 6."""
    return [(f"u{u}", f"i{i}", i) for u in range(users) for i in range(items)]
