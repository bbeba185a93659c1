"""The passport's facts and the neighbours in plain Python, from sequences alone."""

import math
from collections import Counter
from itertools import pairwise
from typing import Any

Sequence = list[tuple[int, int]]  # (item, time), oldest first


def parts_of(sequence: Sequence, split: dict[str, Any]) -> tuple[Sequence, Sequence, Sequence]:
    if split["rule"] == "global_time":
        bounds = (split["validation_from"], split["test_from"])
        return (
            [pair for pair in sequence if pair[1] < bounds[0]],
            [pair for pair in sequence if bounds[0] <= pair[1] < bounds[1]],
            [pair for pair in sequence if pair[1] >= bounds[1]],
        )
    n = split.get("held_out", 1)
    first, second = max(len(sequence) - 2 * n, 0), max(len(sequence) - n, 0)
    return sequence[:first], sequence[first:second], sequence[second:]


def ties(sequences: list[Sequence]) -> tuple[int, int]:
    """Count users with different items at one time, and those with such at their last time."""
    any_tie = last = 0
    for sequence in sequences:
        tied = {time for (a, time), (b, other) in pairwise(sequence) if time == other and a != b}
        any_tie += bool(tied)
        last += sequence[-1][1] in tied
    return any_tie, last


def repeats(sequences: list[Sequence]) -> dict[str, int]:
    counts = [Counter(item for item, _ in sequence) for sequence in sequences]
    return {
        "distinct_pairs": sum(len(count) for count in counts),
        "pairs": sum(times > 1 for count in counts for times in count.values()),
        "interactions": sum(times - 1 for count in counts for times in count.values()),
        "users": sum(max(count.values()) > 1 for count in counts),
    }


def leakage(sequences: list[Sequence], split: dict[str, Any]) -> tuple[int, int, float | None]:
    """Count test targets, those older than another user's training, and the mean share newer."""
    parts = [parts_of(sequence, split) for sequence in sequences]
    targets = [(user, time) for user, part in enumerate(parts) for _, time in part[2]]
    training = [(user, time) for user, part in enumerate(parts) for _, time in part[0]]
    older = sum(any(u != user and t > time for u, t in training) for user, time in targets)
    newer = sum(t > time for _, time in targets for _, t in training)
    share = newer / (len(targets) * len(training)) if targets and training else None
    return len(targets), older, share


def neighbours(
    sequences: list[Sequence], split: dict[str, Any], similarity: str, top: int
) -> list[tuple[int, int, int, float]]:
    """Give (item, rank, neighbour, similarity) by going through all pairs of items."""
    users = [{item for item, _ in parts_of(s, split)[0][:-1]} for s in sequences]
    items = sorted(set().union(*users)) if users else []
    count = {item: sum(item in own for own in users) for item in items}
    found = []
    for item in items:
        near = []
        for other in items:
            both = [own for own in users if item in own and other in own and item != other]
            if both:
                weights = [1 / math.log(1 + len(o)) if similarity == "iuf" else 1.0 for o in both]
                value = round(sum(weights) / math.sqrt(count[item] * count[other]), 12)
                near.append((-value, other))
        found += [(item, n, other, -v) for n, (v, other) in enumerate(sorted(near)[:top], 1)]
    return found
