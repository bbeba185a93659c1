"""When a run is published, and what would keep it from that; and how long a lock is waited for."""

from typing import Annotated, Literal

from pydantic import Field

from basrec.section import Positive, Section, Share

Metric = Annotated[str, Field(pattern=r"^((HR|NDCG)@(5|10|20)|MRR)$")]


class PublishConfig(Section):
    """Publishing decides no result: none of its keys enters a digest."""

    enabled: bool = False
    """Whether `basrec run` publishes at its end."""
    method: str | None = None
    """The method whose run is published; null: the last of `methods`."""
    metrics: tuple[Metric, ...] = ("NDCG@10", "HR@10")
    """Metrics that may not fall; an empty list compares none."""
    splits: tuple[Literal["validation", "test"], ...] = ("validation", "test")
    """The splits on which they are compared."""
    tolerance: Share = 0.05
    """How far, relative to the last published, a metric may fall."""
    max_shrink: Share = 0.1
    """How far users, items and interactions each may shrink, relative to the last published."""
    same_policy: bool = True
    """Whether a change of the rules of evaluation is refused; if not, metrics are not compared
    across it."""
    check_schema: bool = True
    """Whether every file of the prepared folder is checked against its schema once more."""
    keep: Positive = 5
    """Versions, and refused ones, that `basrec gc` leaves, besides `current`."""


class LockConfig(Section):
    """What happens where another process works on the same dataset."""

    wait_seconds: Annotated[float, Field(ge=0.0)] = 0.0
    """How long to wait for it; 0 says at once who it is and ends with exit code 1."""
