"""How a run is retried and watched; nothing here changes what it results in."""

import shlex
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from pipeline.config import Section

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RetryConfig(Section):
    """What happens to a stage that a passing fault has stopped."""

    attempts: Annotated[int, Field(ge=1, le=50)] = 3
    """How often a stage is tried in all; 1: no retry."""
    wait_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0
    """Mean wait before the second attempt, doubled before each further one; each wait is drawn at
    random, and at most twice its mean."""
    timeout_seconds: Seconds | None = None
    """The longest that an attempt at a stage may take; null: no limit."""


class NotifyConfig(Section):
    """Whom to tell how a run has ended."""

    on: Literal["failure", "always"] = "failure"
    """When: on failure alone, or also when a run is done or was cancelled."""
    command: list[str] | None = None
    """A program and its arguments, given the facts as JSON on stdin; no shell reads it."""
    webhook: str | None = None
    """An address that the facts are posted to as JSON."""
    webhook_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """The environment variable that holds the address, where it is a secret."""
    timeout_seconds: Seconds = 5.0
    """The longest that the command and the webhook may take, each."""

    @field_validator("command", mode="before")
    @classmethod
    def _in_words(cls, value: Any) -> Any:
        words = shlex.split(value) if isinstance(value, str) else value
        if words == []:
            raise ValueError("name a program, or leave it out")
        return words

    @field_validator("webhook")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not is_web_address(value):
            raise ValueError("write an address with http:// or https://")
        if value is not None and "@" in urlsplit(value).netloc:
            raise ValueError("name and password are a secret; give the address by webhook_env")
        return value

    @model_validator(mode="after")
    def _one_address(self) -> "NotifyConfig":
        if self.webhook and self.webhook_env:
            raise ValueError("webhook and webhook_env are two addresses; leave one out")
        return self


class TrackingConfig(Section):
    """Where else runs are logged."""

    mlflow: str | None = None
    """A tracking URI of MLflow, to which every newly trained run is logged; null: none."""

    @field_validator("mlflow")
    @classmethod
    def _holds_no_secret(cls, value: str | None) -> str | None:
        if value is not None and "@" in urlsplit(value).netloc:
            raise ValueError(
                "leave name and password out of the address; MLflow reads them from "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        return value


def is_web_address(text: str) -> bool:
    """Tell an http or https address from other text."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
