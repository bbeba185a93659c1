"""The dataset passport: how the counts came about, and every rule in force."""

import hashlib
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from pipeline.config import DataConfig
from pipeline.engine import Engine


class PublishedCounts(BaseModel):
    """The counts that a paper prints for a dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: int
    items: int
    interactions: int


def describe(
    engine: Engine,
    config: DataConfig,
    steps: list[dict[str, Any]],
    rounds: list[dict[str, Any]],
    published: PublishedCounts | None,
) -> dict[str, Any]:
    """Gather the passport from the tables of a finished preparation."""
    core = {name: rounds[-1][name] for name in ("users", "items", "interactions")}
    lengths = engine.rows("60_lengths")[0]
    ties = engine.rows("62_ties")[0]
    return {
        "steps": steps,
        "core": core,
        "iterations": rounds,
        "repeats": engine.rows("61_repeats")[0] | {"policy": config.repeats},
        "ties": ties
        | {
            "share_of_users": ties["users_with_ties"] / ties["users"],
            "share_of_users_last_two": ties["users_with_last_two_tied"] / ties["users"],
        },
        "length": {
            "min": lengths["shortest"],
            "median": lengths["median"],
            "mean": round(lengths["mean"], 4),
            "max": lengths["longest"],
        },
        "protocol": protocol(config),
        "digest": digest_lines(engine.batches("45_original_lines")),
        "digest_of": "SHA-256 of the sorted lines 'USER:ITEM ITEM ...' in original ids",
        "text_digest": digest_lines(engine.batches("44_text_lines")),
        "published": _compare(core, published),
    }


def protocol(config: DataConfig) -> dict[str, Any]:
    """State every rule that decides the counts and the sequences."""
    return {
        "format": config.format,
        "min_count": config.min_count,
        "counting": "interactions",
        "since": config.since,
        "until": config.until,
        "window": "both ends inclusive, UTC; a bare date means its first second",
        "min_rating": config.min_rating,
        "repeats": config.repeats,
        "ties": "file order",
        "user_ids": "1..n by first appearance in the dump (within the window), before the k-core",
        "item_ids": "1..m by first appearance, walking the users in order through their sequences",
        "split": "leave-one-out: train items[:-3], validation target items[-2], test items[-1]",
        "order_of_steps": "window and rating, repeats, k-core",
    }


def digest_lines(batches: pa.RecordBatchReader) -> str:
    """Digest a stream of text lines, each with its end, without touching them one by one."""
    digest = hashlib.sha256()
    for batch in batches:
        digest.update(text_bytes(batch.column(0)))
    return digest.hexdigest()


def text_bytes(lines: pa.Array) -> memoryview:
    """Give the bytes of all strings of an Arrow array, one after the other."""
    array = lines.cast(pa.large_string())
    offsets = memoryview(array.buffers()[1]).cast("q")
    start, stop = offsets[array.offset], offsets[array.offset + len(array)]
    return memoryview(array.buffers()[2])[start:stop] if stop > start else memoryview(b"")


def _compare(core: dict[str, int], published: PublishedCounts | None) -> dict[str, Any] | None:
    if published is None:
        return None
    counts = published.model_dump()
    return counts | {"difference": {name: core[name] - counts[name] for name in counts}}
