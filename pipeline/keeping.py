"""What is kept of the interactions, step by step, down to the k-core; strings come last.

All counting works on 64-bit numbers made from the ids. Two ids that share a number would be taken
for one; whether any two do is checked on what is left, and then everything is counted anew with
other numbers. A merger that does not survive cannot have changed what survives, where interactions
are counted: the core is the largest set in which everyone has enough, and merging only ever adds.
Where pairs are counted, two ids that share a number and a partner would count once there; with 64
bits the chance that any two of 28 million ids share one is 2 in 100,000.
"""

from typing import Any

from pipeline.config import DataConfig, unix_seconds
from pipeline.core import COUNTED, Counts, count_edges, find_core
from pipeline.engine import Engine
from pipeline.errors import InputError, PipelineError

ALL_BITS = 64
SALTS = (("", ALL_BITS), ("a", ALL_BITS), ("b", ALL_BITS))
"""Numberings to try: what is put before an id, and the bits of its hash that are used."""

WINDOW, SAMPLE = "window and rating", "sample of users"
REMEDIES = {
    WINDOW: "widen data.since and data.until, or lower data.min_rating",
    SAMPLE: "raise data.sample_users",
}
"""What to do where a step leaves nothing; duplicates and repeats always leave something."""

Step = dict[str, Any]


def keep(engine: Engine, config: DataConfig) -> tuple[list[Step], list[Step]]:
    """Make `survivors` out of `interactions`; give the counts after each step and each round.

    Errors: InputError where nothing is left.
    """
    for salt, bits in SALTS:
        set_policy(engine, config, salt, bits)
        steps, counts = _filter(engine, config)
        rounds = find_core(engine, counts)
        engine.drop("edges")
        engine.table("survivors", "35_survivors")
        if engine.rows("36_shared_keys")[0]["num_shared"] == 0:
            return steps, rounds
    raise PipelineError("ids share their numbers under three hashes; please report this")


def count_core(engine: Engine, config: DataConfig) -> dict[str, int]:
    """Count what the core would be under other rules; changes the tables that `keep` made."""
    set_policy(engine, config)
    last = find_core(engine, _filter(engine, config)[1])[-1]
    return {name: last[name] for name in COUNTED}


def set_policy(engine: Engine, config: DataConfig, salt: str = "", bits: int = ALL_BITS) -> None:
    """Make the rules readable for the statements."""
    min_user_count, min_item_count = config.minimums
    engine.settings(
        since=unix_seconds(config.since),
        until=unix_seconds(config.until),
        min_rating=config.min_rating,
        min_user_count=min_user_count,
        min_item_count=min_item_count,
        sample_users=config.sample_users,
        seed=str(config.seed),
        ties=config.ties,
        id_order=config.id_order,
        salt=salt,
        dropped_bits=ALL_BITS - bits,
    )


def _filter(engine: Engine, config: DataConfig) -> tuple[list[Step], Counts]:
    """Apply window, sample, duplicates and repeats; leave `keyed`, and `edges` counted."""
    engine.drop("kept")
    engine.view("kept", "20_window")
    engine.view("keyed", "25_keyed")
    chosen = [
        (SAMPLE, "21_sampled_users", config.sample_users is not None),
        ("exact duplicates: drop", "22_distinct_rows", config.duplicates == "drop"),
        (f"repeats: {config.repeats}", f"23_repeats_{config.repeats}", config.repeats != "keep"),
    ]
    due = [(name, source) for name, source, is_due in chosen if is_due]
    steps: list[Step] = []
    counts: Counts = {}
    for name, source in [(WINDOW, ""), *due]:
        if source:
            engine.table("once", source)
            engine.rename("once", "kept")
            engine.view("keyed", "25_keyed")
        is_last = name == (due[-1][0] if due else WINDOW)
        counting = config.counting if is_last else "interactions"
        engine.table("edges", f"26_edges_{counting}")
        counts = count_edges(engine)
        if not counts["interactions"]:
            raise InputError(f"nothing is left after '{name}'; {REMEDIES[name.split(':')[0]]}")
        steps.append({"step": name, **{key: counts[key] for key in COUNTED}})
    return steps, counts
