"""Everything that preparation can be told, with defaults and their sources."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.formats import FORMATS

Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A part of the config: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(Section):
    """From raw lines to sequences. The defaults give the published counts."""

    format: str = "amazon_2014"
    """The raw layout; `basrec prepare --help` lists them."""
    min_count: Positive = 5
    """k of the k-core: users and items with fewer interactions go, until none is left."""
    since: str | None = None
    """Keep interactions from this time on, inclusive; a date or a date-time, UTC."""
    until: str | None = None
    """Keep interactions up to this time, inclusive; a bare date means its first second."""
    min_rating: float | None = None
    """Keep interactions rated at least this; null keeps all, unrated ones too."""
    repeats: Literal["keep", "first", "last"] = "keep"
    """What happens to a user's further interactions with the same item."""
    memory: str = "4GB"
    """The most memory that DuckDB takes; the rest is spilled to disk."""
    threads: Positive = 2

    @field_validator("format")
    @classmethod
    def _format_is_known(cls, value: str) -> str:
        if value not in FORMATS:
            raise ValueError(f"{value!r} is not a format; known: {', '.join(FORMATS)}")
        return value

    @field_validator("since", "until", mode="before")
    @classmethod
    def _time_is_readable(cls, value: Any) -> str | None:
        if value is None:
            return None
        text = value.isoformat() if isinstance(value, date) else str(value)
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(
                f"{text!r} is not a time; write 2019-01-31 or 2019-01-31 12:00:00 (UTC)"
            ) from None
        return text

    @field_validator("memory")
    @classmethod
    def _memory_is_a_size(cls, value: str) -> str:
        if not re.fullmatch(r"\d+(\.\d+)?\s?(MB|GB|MiB|GiB)", value):
            raise ValueError(f"{value!r} is not a size; write for example 4GB or 512MB")
        return value


class NeighbourConfig(Section):
    """Item neighbours, over the training part of the sequences alone."""

    similarity: Literal["iuf", "cosine"] = "iuf"
    """Cosine over users, each weighted by 1 / log(1 + number of its items) (ItemCF-IUF, what the
    reference uses), or plain cosine."""
    top: Positive = 10
    """Neighbours kept for each item."""


def unix_seconds(text: str | None) -> int | None:
    """Turn a date or date-time in UTC into Unix seconds."""
    if text is None:
        return None
    when = datetime.fromisoformat(text)
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
