"""The dataset passport: how the counts came about, and every rule in force."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from pipeline.config import DataConfig
from pipeline.core import COUNTED
from pipeline.engine import Engine
from pipeline.errors import InputError
from pipeline.splits import ABOUT

Entry = dict[str, Any]
PARTS = ("train", "validation", "test")
NEWER = "mean_share_of_training_newer"


class PublishedCounts(BaseModel):
    """The counts that a paper prints for a dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: int
    items: int
    interactions: int


def describe(
    engine: Engine, config: DataConfig, split: Entry, steps: list[Entry], rounds: list[Entry]
) -> Entry:
    """Gather the passport from the tables of a finished preparation."""
    ties = engine.rows("62_ties")[0]
    lengths = engine.rows("60_lengths")[0]
    engine.table("parts", "64_parts")
    return {
        "steps": with_removals(steps),
        "core": {name: steps[-1][name] for name in COUNTED},
        "iterations": rounds,
        "repeats": engine.rows("61_repeats")[0] | {"policy": config.repeats},
        "ties": ties
        | {
            "share_of_users": round(ties["users_with_ties"] / ties["users"], 6),
            "share_of_users_last_two": round(ties["users_with_last_two_tied"] / ties["users"], 6),
            "policy": config.ties,
        },
        "length": {
            "min": lengths["shortest"],
            "median": lengths["median"],
            "mean": round(lengths["mean"], 4),
            "max": lengths["longest"],
        },
        "split": _split(engine, split),
        "distributions": {
            "lengths": engine.rows("69_length_counts"),
            "popularity": engine.rows("68_popularity"),
            "months": engine.rows("67_months"),
            "top_items": engine.rows("70_top_items"),
        },
        "protocol": protocol(config, split),
        "digest": digest_lines(engine.batches("45_original_lines")),
        "digest_of": "SHA-256 of the sorted lines 'USER:ITEM ITEM ...' in original ids",
        "text_digest": digest_lines(engine.batches("49_text_lines")),
    }


def protocol(config: DataConfig, split: Entry) -> Entry:
    """State every rule that decides the counts and the sequences."""
    min_user_count, min_item_count = config.minimums
    ids = {
        "reference": "users by first appearance in the dump (after window, rating and repeats, "
        "before the k-core); items by first appearance, walking the users through their sequences",
        "sorted": "users and items by their ids, in the order of their bytes",
        "random": f"users and items by MD5 of 'seed:id', seed {config.seed}",
    }
    ties = {
        "file": "order of the file",
        "item": "order of the items' ids, then of the file",
        "refuse": "an error where they would decide anything",
    }
    return {
        "format": config.format,
        "table": config.table.model_dump(mode="json", exclude_none=True) if config.table else None,
        "member": config.member,
        "policy": config.policy,
        "departs": departures(config),
        "min_count": config.min_count,
        "min_user_count": min_user_count,
        "min_item_count": min_item_count,
        "counting": config.counting,
        "since": config.since,
        "until": config.until,
        "window": "both ends inclusive, UTC; a bare date means its first second",
        "min_rating": config.min_rating,
        "sample_users": config.sample_users,
        "duplicates": config.duplicates,
        "repeats": config.repeats,
        "ties": ties[config.ties],
        "id_order": config.id_order,
        "ids": ids[config.id_order],
        "seed": config.seed,
        "split": split,
        "split_means": "; ".join(
            [ABOUT[split["rule"]]]
            + [
                f"{name} {_moment(split[name])}"
                for name in ("validation_from", "test_from")
                if name in split
            ]
        ),
        "max_rejects": config.max_rejects,
        "allow_truncated": config.allow_truncated,
        "order_of_steps": "window and rating, sample of users, duplicates, repeats, k-core",
    }


def departures(config: DataConfig) -> Entry:
    """Give the keys in which a config departs from its named set of rules."""
    named = DataConfig(policy=config.policy)
    keys = ("table", "format", "member", "memory", "threads")
    values = config.model_dump(mode="json", exclude=set(keys))
    return {key: value for key, value in values.items() if value != getattr(named, key)}


def with_removals(steps: list[Entry]) -> list[Entry]:
    """Say at each step how many interactions the one before it had more."""
    told = []
    for number, step in enumerate(steps):
        before = steps[number - 1]["interactions"] if number else step["interactions"]
        told.append(step | {"removed": before - step["interactions"]})
    return told


def _split(engine: Engine, split: Entry) -> Entry:
    """Give size and time span of each part, and the leakage in time.

    Errors: InputError where a split that was asked for leaves a part without any interaction.
    """
    found = {row.pop("part"): row for row in engine.rows("65_split_sizes")}
    parts = {name: found[name] for name in PARTS if name in found}
    if split["rule"] != "leave_one_out" and len(parts) < len(PARTS):
        missing = ", ".join(name for name in PARTS if name not in parts)
        remedy = {
            "last_n": "lower data.held_out (--held-out)",
            "global_time": "move data.validation_from and data.test_from",
        }[split["rule"]]
        raise InputError(f"split {split['rule']} leaves nothing for {missing}; {remedy}")
    for part in parts.values():
        part |= {name: _moment(part[name]) for name in ("first_time", "last_time")}
    leakage = engine.rows("66_leakage")[0]
    if "train" not in parts or "test" not in parts:  # nothing can leak, and no share is known
        shares = dict.fromkeys(("share_of_targets_older_than_training", NEWER))
        return {"parts": parts, "leakage": leakage | shares}
    older = leakage["targets_older_than_training"] / leakage["test_targets"]
    return {
        "parts": parts,
        "leakage": leakage | {"share_of_targets_older_than_training": round(older, 6)},
    }


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


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
