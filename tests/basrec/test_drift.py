"""The drift over nights on a page."""

from typing import Any

import pytest

from basrec.drift import drift_of
from tests.basrec.pages import Tags


def night(day: int, users: int = 100, quality: float | None = 0.1, **more: Any) -> dict[str, Any]:
    return {
        "time": f"2026-01-{day:02}T02:00:00+00:00",
        "outcome": "done",
        "seconds": 60.0,
        "digest": "0123456789abcdef",
        "raw_rows": 1000,
        "rejected": 10,
        "users": users,
        "items": 50,
        "interactions": 900,
        "metrics": {"base": {} if quality is None else {"NDCG@10": quality}},
        **more,
    }


FAILED = {"time": "2026-01-02T02:00:00+00:00", "outcome": "failed", "error": "<disk> full"}


def test_one_night_shows_no_drift() -> None:
    assert drift_of([]) is None
    assert drift_of([night(1)]) is None
    assert drift_of([night(1), FAILED]) is None


def test_nights_are_drawn_and_listed_the_latest_first() -> None:
    drift = drift_of([night(1), FAILED, night(3, users=150, quality=0.125)])
    assert drift is not None and drift["num_drawn"] == 2 and len(drift["plots"]) == 3
    assert [row["time"] for row in drift["rows"]] == [
        f"2026-01-{day} 02:00" for day in ("03", "02", "01")
    ]
    assert drift["rows"][0]["counts"] == [150, 50, 900, 10]
    assert drift["rows"][0]["values"] == [0.125]
    assert drift["rows"][1]["outcome"] == "failed: <disk> full"
    assert drift["rows"][1]["counts"] == [None] * 4
    for plot in drift["plots"]:
        tags = Tags()
        tags.feed(str(plot))
        assert "svg" in tags.tags and "2026-01-01" in plot and "2026-01-03" in plot


def test_damaged_lines_and_missing_metrics_are_left_out() -> None:
    lines = [{}, night(1, quality=None), night(2, users=0), night(3), {"metrics": 3}]
    drift = drift_of(lines)
    assert drift is not None and drift["num_drawn"] == 2


def test_a_long_history_is_bounded() -> None:
    drift = drift_of([night(1 + n % 28) for n in range(1000)])
    assert drift is not None and drift["num_drawn"] == 365 and len(drift["rows"]) == 14


@pytest.mark.parametrize(
    "change",
    [
        *({"metrics": {"base": "x"}}, {"metrics": {"base": {"NDCG@10": [1]}}}),
        *({"users": 10**400}, {"rejected": "3"}, {"metrics": []}),
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_night_of_other_values_is_left_out(change: dict[str, Any]) -> None:
    counts = {"users": 1, "items": 1, "interactions": 1, "raw_rows": 1, "rejected": 0}
    night = {"time": "2026-01-01", "metrics": {"base": {"NDCG@10": 0.1}}, **counts}
    told = drift_of([night, night, night | change])
    assert told and told["num_drawn"] == 2
