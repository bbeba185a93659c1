"""An independent, plain Python preparation: slow, obvious, and sharing no line with the SQL."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

Row = tuple[str, str, float | None, int, int]  # user, item, rating, time, row


@dataclass
class Plain:
    """What a preparation comes to."""

    sequences: list[tuple[str, list[str], list[int]]]  # in the order of the user ids
    item_ids: dict[str, int]
    rounds: list[tuple[int, int, int]]

    @property
    def digest(self) -> str:
        lines = sorted(f"{user}:{' '.join(items)}\n".encode() for user, items, _ in self.sequences)
        return hashlib.sha256(b"".join(lines)).hexdigest()


def draw(seed: int, name: str) -> str:
    return hashlib.md5(f"{seed}:{name}".encode()).hexdigest()


def is_drawn(seed: int, user: str, share: float) -> bool:
    digest = hashlib.md5(f"{seed}:{user}".encode()).digest()
    return int.from_bytes(digest[8:], "little") < share * 2**64


def prepare_plainly(rows: list[Row], policy: dict[str, Any]) -> Plain | None:
    """Prepare rows by a policy; None where nothing is left."""
    seed = policy["seed"]
    kept = [
        row
        for row in rows
        if (policy["since"] is None or row[3] >= policy["since"])
        and (policy["until"] is None or row[3] <= policy["until"])
        and (policy["min_rating"] is None or (row[2] or -1.0) >= policy["min_rating"])
    ]
    if policy["sample_users"] is not None:
        kept = [row for row in kept if is_drawn(seed, row[0], policy["sample_users"])]
    if policy["duplicates"] == "drop":
        kept = list({row[:4]: row for row in reversed(kept)}.values())
    if policy["repeats"] != "keep":
        ordered = sorted(
            kept, key=lambda row: (row[3], row[4]), reverse=policy["repeats"] == "first"
        )
        kept = list({row[:2]: row for row in ordered}.values())
    first_row = {}
    for row in sorted(kept, key=lambda row: row[4]):
        first_row.setdefault(row[0], row[4])
    left, rounds = peel(kept, policy)
    if not left:
        return None
    return number(left, rounds, first_row, policy)


def peel(kept: list[Row], policy: dict[str, Any]) -> tuple[list[Row], list[tuple[int, int, int]]]:
    rounds = []
    while True:
        counted = [row[:2] for row in kept]
        if policy["counting"] == "pairs":
            counted = list(set(counted))
        users, items = Counter(u for u, _ in counted), Counter(i for _, i in counted)
        rounds.append((len(users), len(items), len(kept)))
        left = [
            row
            for row in kept
            if users[row[0]] >= policy["min_user_count"]
            and items[row[1]] >= policy["min_item_count"]
        ]
        if len(left) == len(kept):
            return left, rounds
        kept = left


def number(
    left: list[Row],
    rounds: list[tuple[int, int, int]],
    first_row: dict[str, int],
    policy: dict[str, Any],
) -> Plain:
    seed, order = policy["seed"], policy["id_order"]
    users = sorted({row[0] for row in left}, key=lambda user: user.encode())
    if order == "random":
        users.sort(key=lambda user: draw(seed, user))
    elif order == "reference":
        users.sort(key=first_row.__getitem__)
    by_item = policy["ties"] == "item"
    sequences = []
    for user in users:
        own = [row for row in left if row[0] == user]
        own.sort(key=lambda row: (row[3], row[1].encode() if by_item else b"", row[4]))
        sequences.append((user, [row[1] for row in own], [row[3] for row in own]))
    met = list(dict.fromkeys(item for _, items, _ in sequences for item in items))
    if order == "sorted":
        met.sort(key=lambda item: item.encode())
    elif order == "random":
        met.sort(key=lambda item: draw(seed, item))
    return Plain(sequences, {item: place for place, item in enumerate(met, start=1)}, rounds)
