"""The k-core: rounds of one statement until nothing changes."""

from typing import Any

from pipeline.engine import Engine
from pipeline.errors import InputError

Counts = dict[str, int]


def find_core(engine: Engine, min_count: int) -> list[dict[str, Any]]:
    """Peel the table `edges` down to its k-core; give the counts of every round.

    Round 0 is what is there before. Each round reads only what the round before it left.
    Errors: InputError where nothing is left.
    """
    rounds: list[dict[str, Any]] = [{"round": 0, **engine.rows("31_edge_counts")[0]}]
    while rounds[-1]["interactions"]:
        engine.table("next_edges", "30_core_round")
        engine.rename("next_edges", "edges")
        counts = engine.rows("31_edge_counts")[0]
        if counts["interactions"] == rounds[-1]["interactions"]:
            return rounds
        rounds.append({"round": len(rounds), **counts})
    told = ", ".join(str(entry["interactions"]) for entry in rounds)
    raise InputError(
        f"nothing is left of the {min_count}-core (interactions by round: {told}); "
        "lower data.min_count (--min-count) or widen the window"
    )
