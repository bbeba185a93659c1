"""Everything that preparation can be told, with defaults and their sources."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.formats import AUTO, FORMATS

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Column = str | Positive
"""A column's name, or its place counted from 1."""
TimeUnit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds", "days", "iso"]


POLICIES: dict[str, dict[str, Any]] = {
    "published": {},  # the defaults below: what the published counts came from
    "strict": {
        "counting": "pairs",
        "duplicates": "drop",
        "repeats": "first",
        "ties": "item",
        "id_order": "sorted",
        "max_rejects": 0.0,
    },
}
"""Named sets of rules: `published` gives the published counts; under `strict` nothing depends on
the order of the file, no interaction counts twice, and no bad row is passed over."""


class Section(BaseModel):
    """A part of the config: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TableConfig(Section):
    """Where a table of any kind (format `table`) holds what."""

    user: Column
    item: Column
    time: Column
    rating: Column | None = None
    time_unit: TimeUnit = "seconds"
    """Unit of numbers since 1970, or `iso` for dates and moments (2019-01-31 12:00:00, UTC)."""
    time_format: str | None = None
    """A strptime form such as '%d/%m/%Y' for dates that are not ISO; takes precedence."""
    delimiter: str | None = None
    """Between the columns of a text table; null looks at the first line."""
    quotes: bool = True
    """Whether double quotes hold a column together, with delimiters and line ends within."""
    header: bool | None = None
    """Whether the first line names the columns; null: it does where a column is given by name, or
    where the time's cell in the first line is a name that times go by (timestamp, date, ...)."""

    @field_validator("user", "item", "time", "rating", mode="before")
    @classmethod
    def _place_is_counted_from_1(cls, value: Any) -> Any:
        if isinstance(value, int) and value < 1:
            raise ValueError("columns are counted from 1")
        return value

    @model_validator(mode="after")
    def _each_column_is_used_once(self) -> "TableConfig":
        if len(set(self.columns())) < len(self.columns()):
            raise ValueError("a column can only be one of user, item, time and rating")
        return self

    @model_validator(mode="after")
    def _header_is_there_for_names(self) -> "TableConfig":
        if self.header is False and any(isinstance(column, str) for column in self.columns()):
            raise ValueError("columns given by name need a header; give places 1, 2, ... instead")
        return self

    def columns(self) -> list[Column]:
        """Give the columns asked for: user, item, time and, where there is one, rating."""
        return [c for c in (self.user, self.item, self.time, self.rating) if c is not None]


class DataConfig(Section):
    """From raw lines to sequences. The defaults give the published counts."""

    policy: Literal["published", "strict"] = "published"
    """A named set of rules (POLICIES), from which the keys below may depart."""
    format: str = "amazon_2014"
    """The raw layout; `basrec prepare --help` lists them. `auto` looks at the content."""
    table: TableConfig | None = None
    """Where the columns are, for format `table`."""
    member: str | None = None
    """Which members of a tar archive are read (a pattern); null: the format's own."""
    allow_truncated: bool = False
    """Keep the good part of a compressed file that breaks off or is damaged."""
    max_rejects: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The largest share of rejected rows with which the run goes on."""
    min_count: Positive = 5
    """k of the k-core: users and items with fewer interactions go, until none is left."""
    min_user_count: Positive | None = None
    """Another minimum for users; null: `min_count`."""
    min_item_count: Positive | None = None
    """Another minimum for items; null: `min_count`."""
    counting: Literal["interactions", "pairs"] = "interactions"
    """What the k-core counts: interactions, or distinct pairs of user and item."""
    since: str | None = None
    """Keep interactions from this time on, inclusive; a date or a date-time, UTC."""
    until: str | None = None
    """Keep interactions up to this time, inclusive; a bare date means its first second."""
    min_rating: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Keep interactions rated at least this; null keeps all, unrated ones too."""
    duplicates: Literal["keep", "drop"] = "keep"
    """What happens to further rows equal in user, item, rating and time."""
    repeats: Literal["keep", "first", "last"] = "keep"
    """What happens to a user's further interactions with the same item."""
    ties: Literal["file", "item", "refuse"] = "file"
    """Order of a user's interactions at one time: by the file, by the item's id, or an error."""
    id_order: Literal["reference", "sorted", "random"] = "reference"
    """How users and items are numbered: by first appearance, by their ids, or by a draw."""
    sample_users: Share | None = None
    """Keep this share of the users, drawn before the k-core; null keeps all."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draws of `sample_users` and `id_order: random`."""
    split: Literal["leave_one_out", "last_n", "global_time"] = "leave_one_out"
    """What is held out: each user's last two items, its last 2 n, or all from a time on."""
    held_out: Positive = 1
    """n of the split `last_n`: items for test, and as many before them for validation."""
    validation_from: str | None = None
    """Split `global_time`: where validation begins; null: after 80 % of the interactions."""
    test_from: str | None = None
    """Split `global_time`: where test begins; null: after 90 % of the interactions."""
    memory: str = "4GB"
    """The most memory that DuckDB takes; the rest is spilled to disk."""
    threads: Positive = 2

    @model_validator(mode="before")
    @classmethod
    def _policy_lies_below(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return POLICIES.get(str(values.get("policy")), {}) | values

    @field_validator("format")
    @classmethod
    def _format_is_known(cls, value: str) -> str:
        if value not in (*FORMATS, AUTO):
            raise ValueError(f"{value!r} is not a format; known: {', '.join(FORMATS)}, {AUTO}")
        return value

    @field_validator("since", "until", "validation_from", "test_from", mode="before")
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
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s?(MB|GB|MiB|GiB)", value)
        if not found or float(found[1]) == 0:
            raise ValueError(f"{value!r} is not a size; write for example 4GB or 512MB")
        return value

    @model_validator(mode="after")
    def _parts_fit(self) -> "DataConfig":
        if self.format == "table" and self.table is None:
            raise ValueError(
                "format table needs its columns: table.user, table.item, table.time "
                "(--columns user=1,item=2,rating=3,time=4)"
            )
        for low, high in (("since", "until"), ("validation_from", "test_from")):
            first, last = unix_seconds(getattr(self, low)), unix_seconds(getattr(self, high))
            if first is not None and last is not None and first > last:
                raise ValueError(f"{low} is later than {high}; exchange them")
        if self.split != "last_n" and self.held_out != 1:
            raise ValueError("held_out belongs to the split last_n; set split=last_n (--split)")
        if self.split != "global_time" and (self.validation_from or self.test_from):
            raise ValueError(
                "validation_from and test_from belong to the split global_time; set "
                "split=global_time (--split)"
            )
        return self

    @property
    def minimums(self) -> tuple[int, int]:
        """The least that users and items need to stay."""
        return self.min_user_count or self.min_count, self.min_item_count or self.min_count


class NeighbourConfig(Section):
    """Item neighbours, over the training part of the sequences alone."""

    similarity: Literal["iuf", "cosine"] = "iuf"
    """Cosine over users, each weighted by 1 / log(1 + number of its items) (ItemCF-IUF, what the
    reference uses), or plain cosine."""
    top: Annotated[int, Field(ge=1, le=32_767)] = 10
    """Neighbours kept for each item."""


def unix_seconds(text: str | None) -> int | None:
    """Turn a date or date-time in UTC into Unix seconds."""
    if text is None:
        return None
    when = datetime.fromisoformat(text)
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
