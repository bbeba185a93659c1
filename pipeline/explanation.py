"""Why a dataset's counts differ from the published ones: each rule is flipped in turn."""

from typing import Any

from pipeline.config import DataConfig
from pipeline.core import COUNTED
from pipeline.engine import Engine
from pipeline.errors import InputError
from pipeline.keeping import count_core
from pipeline.passport import PublishedCounts

FLIPS: tuple[dict[str, Any], ...] = (
    {"counting": "interactions"},
    {"counting": "pairs"},
    {"duplicates": "keep"},
    {"duplicates": "drop"},
    {"repeats": "keep"},
    {"repeats": "first"},
    {"min_rating": None},
    {"min_rating": 4.0},
    {"since": None, "until": None},
    {"sample_users": None},
    {"min_count": 5, "min_user_count": None, "min_item_count": None},
    {"min_count": 10, "min_user_count": None, "min_item_count": None},
    {"min_user_count": 5, "min_item_count": 1},
)
"""What papers most often do differently, one change each."""


def compare(
    engine: Engine, config: DataConfig, core: dict[str, int], published: PublishedCounts | None
) -> dict[str, Any] | None:
    """Give the published counts, the difference, and the changes of rule that would remove it.

    The other rules are tried only where there is a difference. Changes the engine's tables.
    """
    if published is None:
        return None
    counts = published.model_dump()
    difference = {name: core[name] - counts[name] for name in COUNTED}
    if not any(difference.values()):
        return counts | {"difference": difference, "explained_by": [], "tried": []}
    tried = []
    for flip in FLIPS:
        other = DataConfig.model_validate(config.model_dump() | flip)
        if other != config:
            tried.append({"change": flip, **_count(engine, other)})
    fitting = [entry["change"] for entry in tried if _fits(entry, counts)]
    return counts | {"difference": difference, "explained_by": fitting, "tried": tried}


def _count(engine: Engine, config: DataConfig) -> dict[str, int]:
    try:
        return count_core(engine, config)
    except InputError:  # nothing is left under this rule
        return dict.fromkeys(COUNTED, 0)


def _fits(entry: dict[str, Any], counts: dict[str, int]) -> bool:
    return all(entry[name] == counts[name] for name in COUNTED)
