"""The split as a rule that preparation resolves and training reads: no rows are copied."""

from pathlib import Path
from typing import Any

from pipeline.config import DataConfig, unix_seconds
from pipeline.engine import Engine
from pipeline.errors import InputError
from pipeline.files import read_json

NUMBERS: dict[str, tuple[str, ...]] = {
    "leave_one_out": (),
    "last_n": ("held_out",),
    "global_time": ("validation_from", "test_from"),
}
"""The rules, and what each says in numbers."""
ABOUT = {
    "leave_one_out": "train items[:-3] -> items[1:-2], validation target items[-2], test items[-1]",
    "last_n": "each user's last held_out items for test, as many before them for validation",
    "global_time": "by time: training before validation_from, test from test_from on",
}


def resolve_split(engine: Engine, config: DataConfig) -> dict[str, Any]:
    """Give the split in force, its times in Unix seconds; reads the table `numbered`."""
    if config.split == "leave_one_out":
        return {"rule": "leave_one_out"}
    if config.split == "last_n":
        return {"rule": "last_n", "held_out": config.held_out}
    usual = engine.rows("63_split_times")[0]
    given = {name: unix_seconds(getattr(config, name)) for name in usual}
    return {"rule": "global_time"} | {
        name: usual[name] if given[name] is None else given[name] for name in usual
    }


def read_split(prepared: Path) -> dict[str, Any]:
    """Read the split that a prepared folder's passport states.

    Errors: InputError where it states none that is known.
    """
    path = prepared / "passport.json"
    passport = read_json(path)
    try:
        split: dict[str, Any] = passport["protocol"]["split"]
        numbers = [int(split[name]) for name in NUMBERS[split["rule"]]]
    except (KeyError, TypeError, ValueError) as exc:
        raise InputError(
            f"{path}: states no split that is known; prepare the folder again"
        ) from exc
    return {"rule": split["rule"]} | dict(zip(NUMBERS[split["rule"]], numbers, strict=True))


def register_split(engine: Engine, split: dict[str, Any]) -> None:
    """Make the split readable for the statements."""
    engine.settings(
        rule=split["rule"],
        held_out=split.get("held_out", 1),
        validation_from=split.get("validation_from", 0),
        test_from=split.get("test_from", 0),
    )
