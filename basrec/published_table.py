"""The table that sets ours beside the published values."""

from collections.abc import Sequence

from basrec.against_published import Beside
from basrec.experiment_tables import DASH, interval_of, number, percent
from basrec.published import shown

PUBLISHED_HEAD = [
    *("data set", "backbone", "variant", "metric", "ours", "95 % interval", "published"),
    *("difference", "relative", "within", "as one run"),
]
WORDS = {True: "yes", False: "no", None: DASH}


def published_rows(beside: Sequence[Beside]) -> list[list[str]]:
    """Give ours, published and difference as text, a row a value that we have too."""
    return [_published_row(one) for one in beside if one.ours]


def _published_row(one: Beside) -> list[str]:
    dataset, backbone, variant = one.group
    ours, difference = one.ours, one.difference
    relative = difference / one.published if difference is not None and one.published else None
    values = [number(ours.mean if ours else None), interval_of(ours), number(one.published)]
    change = [number(difference, is_signed=True), percent(relative)]
    told = [WORDS[one.is_within], WORDS[one.is_like_a_run]]
    return [shown(dataset), shown(backbone), variant, one.metric, *values, *change, *told]
