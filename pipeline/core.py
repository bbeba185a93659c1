"""The k-core: rounds of one statement until nothing changes."""

from typing import Any

from pipeline.engine import Engine
from pipeline.errors import InputError

Counts = dict[str, int]
COUNTED = ("users", "items", "interactions")


def find_core(engine: Engine, counts: Counts) -> list[dict[str, Any]]:
    """Peel the table `edges`, counted already, to its k-core; give the counts of every round.

    Round 0 is what is there before. Each round reads only what the round before it left, and what
    each has is counted once. Leaves `user_counts` and `item_counts` of the core.
    Errors: InputError where nothing is left.
    """
    rounds: list[dict[str, Any]] = []
    while True:
        rounds.append({"round": len(rounds), **{name: counts[name] for name in COUNTED}})
        if not counts["interactions"]:
            break
        if not counts["too_few"]:
            return rounds
        engine.table("next_edges", "33_core_round")
        engine.rename("next_edges", "edges")
        counts = count_edges(engine)
    told = ", ".join(str(entry["interactions"]) for entry in rounds)
    raise InputError(
        f"nothing is left of the core (interactions by round: {told}); "
        "lower data.min_count (--min-count) or widen the window"
    )


def count_edges(engine: Engine) -> Counts:
    """Count what the table `edges` holds, and how many users and items have too few."""
    engine.table("user_counts", "30_user_counts")
    engine.table("item_counts", "31_item_counts")
    return {name: int(number) for name, number in engine.rows("32_edge_counts")[0].items()}
