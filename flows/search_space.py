"""The space of a search: for each config key the choices or the range it is taken from."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from basrec.presets import flatten

Choice = bool | int | float | str | None
Point = dict[str, Any]
"""A value for each dotted config key of a space."""
TOLERANCE = 1e-9
LARGEST, MOST_STEPS = 2**53, 1_000_000


class Range(BaseModel):
    """Numbers from low to high, both included; whole where all that is told is whole."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False
    """Whether equal ratios are equally likely, in place of equal differences."""

    @model_validator(mode="after")
    def _has_numbers(self) -> Self:
        if max(abs(value) for value in (self.low, self.high, self.step or 0)) > LARGEST:
            raise ValueError(f"numbers beyond {LARGEST:,} are not told apart")
        if self.low >= self.high:
            raise ValueError(f"low = {self.low}: must be below high = {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0, and no step")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step = {self.step}: must be above 0")
        parts = (self.high - self.low) / self.step if self.step else 0.0
        if parts > MOST_STEPS:
            raise ValueError(f"step = {self.step}: makes more than {MOST_STEPS:,} values")
        if abs(parts - round(parts)) > TOLERANCE:
            raise ValueError(f"step = {self.step}: does not lead from {self.low} to {self.high}")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are in it."""
        told = (self.low, self.high, self.step)
        return all(value is None or isinstance(value, int) for value in told)

    def steps(self) -> Sequence[int | float]:
        """Give the numbers in turn; none where there is no step between them."""
        if self.step is None:
            return range(int(self.low), int(self.high) + 1) if self.is_whole else ()
        count = round((self.high - self.low) / self.step)
        # Rounded, so that 0.1 + 2 * 0.1 is the 0.3 that is meant.
        return tuple(round(self.low + place * self.step, 12) for place in range(count + 1))


Dimension = tuple[Choice, ...] | Range


def parse_space(value: Any) -> dict[str, Dimension]:
    """Read a space whose keys are dotted, or nested as in a config.

    Errors: ValueError that says which key and why.
    """
    if not isinstance(value, Mapping):
        raise ValueError("write a mapping of config keys to choices or ranges")
    flat = flatten(value, is_section=_is_section)
    return {key: parse_dimension(key, told) for key, told in flat.items()}


def _is_section(value: Any) -> bool:
    """Tell nested keys from a range, which is written as a mapping too."""
    return isinstance(value, Mapping) and not set(value) & set(Range.model_fields)


def parse_dimension(key: str, value: Any) -> Dimension:
    """Read the choices or the range of one key."""
    if isinstance(value, Range):
        return value
    if isinstance(value, Mapping):
        try:
            return Range.model_validate(value)
        except ValidationError as exc:
            raise ValueError(f"{key}: {_explain(exc)}") from exc
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"{key}: write a list of choices, or {{low, high, step, log}}")
    for choice in value:
        if not isinstance(choice, Choice):
            raise ValueError(f"{key}: {choice!r} is no number, word, true, false or null")
    if len({(type(choice), choice) for choice in value}) < len(value):
        raise ValueError(f"{key}: each choice may be named once")
    return tuple(value)


def short_names(keys: list[str]) -> dict[str, str]:
    """Give each key's last part, where it says enough and no other key ends so; a and b of rate."""
    own = {"augmentation.rate.0": "a", "augmentation.rate.1": "b"}
    ends = {key: own.get(key, key.rpartition(".")[2]) for key in keys}
    counts = list(ends.values())
    return {key: end if counts.count(end) == 1 else key for key, end in ends.items()}


def _explain(exc: ValidationError) -> str:
    first = exc.errors()[0]
    told = first["msg"].removeprefix("Value error, ")
    where = str(first["loc"][0]) if first["loc"] else ""
    return f"{where}: {told[0].lower()}{told[1:]}" if where else told
