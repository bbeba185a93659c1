"""Every variant of a sweep against its baseline, over seeds and over users, one family a metric."""

from dataclasses import asdict, dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from basrec.files import read_json
from basrec.power import warnings_of
from basrec.statistics import (
    LEAST_SEEDS,
    LEVEL,
    SeedComparison,
    UserComparison,
    compare_seeds,
    compare_users,
    holm,
)
from basrec.sweep_folder import Cell, Group, Sweep
from basrec.user_metrics import by_user
from basrec.user_ranks import read_ranks

STATED = ("seen", "ties")
"""What of the rules an experiment can state."""
OTHER_RULES = "Judged by other rules (seen items, ties or candidates)"
UNKNOWN_RULES = (
    "Run folders are gone or damaged, and by its preset or settings it may be judged otherwise"
)
TESTS = ("t over seeds", "Wilcoxon over seeds", "t over users", "randomisation over users")
CLAIMS = ((TESTS[0], LEAST_SEEDS), (TESTS[3], 2))
"""The tests that carry a claim, and from how many seeds on."""


@dataclass(frozen=True)
class Comparison:
    """One variant against its baseline in one metric; `corrected` is by Holm over the family."""

    metric: str
    group: Group
    against: str
    seeds: list[int]
    unpaired: list[int]
    over_seeds: SeedComparison | None
    over_users: UserComparison | None
    without_users: str
    corrected: dict[str, float | None]

    @property
    def p_values(self) -> dict[str, float | None]:
        """The p-value of each test, None where it could not be done."""
        seeds, users = self.over_seeds, self.over_users
        values = (
            seeds.p_t if seeds else None,
            seeds.p_wilcoxon if seeds else None,
            users.p_t if users else None,
            users.p_randomisation if users else None,
        )
        return dict(zip(TESTS, values, strict=True))

    @property
    def can_hold(self) -> bool:
        """Whether a test was made that has seeds enough to carry a claim."""
        return any(self._carried(*claim) is not None for claim in CLAIMS)

    @property
    def holds_over_seeds(self) -> bool:
        """Whether the t-test over seeds is significant after the correction, and seeds suffice."""
        return self._holds(*CLAIMS[0])

    @property
    def holds_over_users(self) -> bool:
        """Whether the randomisation test over users is significant after the correction."""
        return self._holds(*CLAIMS[1])

    def _holds(self, test: str, least: int) -> bool:
        p = self._carried(test, least)
        return p is not None and p < LEVEL

    def _carried(self, test: str, least: int) -> float | None:
        return self.corrected.get(test) if len(self.seeds) >= least else None

    def as_data(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        dataset, backbone, variant = self.group
        told = {k: v for k, v in asdict(self).items() if k != "group"}
        return {"dataset": dataset, "backbone": backbone, "variant": variant, **told} | {
            "p": self.p_values,
            "holds_over_seeds": self.holds_over_seeds,
            "holds_over_users": self.holds_over_users,
        }


@dataclass(frozen=True)
class Family:
    """All comparisons of one metric, which are corrected together, and what they cannot carry."""

    metric: str
    comparisons: list[Comparison]
    warnings: list[str]


def compare_all(sweep: Sweep) -> list[Family]:
    """Compare every variant with its baseline, in each metric of the experiment."""
    ranked, judged = _Ranked(), Judged(sweep)
    return [_family(sweep, metric, ranked, judged) for metric in sweep.metrics]


def _family(sweep: Sweep, metric: str, ranked: "_Ranked", judged: "Judged") -> Family:
    groups = [group for group in sweep.groups if group[2] != sweep.base_of(group[2])]
    told = [_compare(sweep, group, metric, ranked, judged) for group in groups]
    by_test = {test: holm([one.p_values[test] for one in told]) for test in TESTS}
    told = [
        replace(one, corrected={test: by_test[test][place] for test in TESTS})
        for place, one in enumerate(told)
    ]
    done = [one for one in told if one.over_seeds]
    size = sum(len(one.seeds) >= 2 for one in done)
    warnings = warnings_of([len(one.seeds) for one in done], max(1, size))
    return Family(metric, told, warnings + _missing(told))


def _compare(
    sweep: Sweep, group: Group, metric: str, ranked: "_Ranked", judged: "Judged"
) -> Comparison:
    against = sweep.base_of(group[2])
    base_group = (group[0], group[1], against)
    ours, base = sweep.values(group, metric), sweep.values(base_group, metric)
    seeds = sorted(ours.keys() & base.keys())
    unpaired = sorted({*sweep.seeds} - {*seeds})
    nothing = Comparison(metric, group, against, seeds, unpaired, None, None, "", {})
    cells = [[c for c in sweep.done(g) if c.seed in seeds] for g in (group, base_group)]
    if not seeds:
        return replace(nothing, without_users="no seed in common")
    if reason := judged.why_not(group, base_group):
        return replace(nothing, without_users=reason)
    over_seeds = compare_seeds(
        np.array([ours[seed] for seed in seeds]), np.array([base[seed] for seed in seeds])
    )
    users = ranked.pair(cells[0], cells[1], metric)
    if isinstance(users, str):
        return replace(nothing, over_seeds=over_seeds, without_users=users)
    over_users = compare_users(*users)
    return replace(nothing, over_seeds=over_seeds, over_users=over_users, without_users="")


def _missing(told: list[Comparison]) -> list[str]:
    """Say which seeds were left out of a pairing, and what could not be compared, each once."""
    without = sum(not one.seeds for one in told)
    words = []
    if without:
        words.append(
            f"{without} of {len(told)} comparisons have no seed that is done on both sides; they "
            "are not counted in the correction, which will be stricter when they are there."
        )
    concerned: dict[str, list[str]] = {}
    for one in told:
        name, what = ", ".join(one.group), ""
        if one.unpaired and one.over_seeds:
            seeds = ", ".join(map(str, one.unpaired))
            what = f"Not done on both sides with seed {seeds}; {len(one.seeds)} compared"
        elif one.without_users in (OTHER_RULES, UNKNOWN_RULES):
            what = f"{one.without_users} than {one.against}, so not compared"
        if what:
            concerned.setdefault(what, []).append(name)
    words += [f"{what}: {'; '.join(names)}." for what, names in concerned.items()]
    reasons = dict.fromkeys(one.without_users for one in told if one.over_seeds)
    where = "everywhere" if any(one.over_users for one in told) else "anywhere"
    return words + [f"Users are not compared {where}: {reason}." for reason in reasons if reason]


class Judged:
    """Tells whether two groups were judged alike, by what is told of their runs, read once."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._rules: dict[Group, set[str | None]] = {}

    def why_not(self, one: Group, other: Group) -> str:
        """Say why metrics of two groups cannot be compared; empty where they can.

        Rules that nothing tells any more are taken as equal where the experiment says the
        same of both variants.
        """
        ours, theirs = self._of(one), self._of(other)
        known = [{rule for rule in rules if rule} for rules in (ours, theirs)]
        if all(known) and known[0] != known[1]:
            return OTHER_RULES
        is_known = None not in ours | theirs
        return "" if is_known or self._stated(one) == self._stated(other) else UNKNOWN_RULES

    def _of(self, group: Group) -> set[str | None]:
        if group not in self._rules:
            self._rules[group] = {cell.rules for cell in self._sweep.done(group)}
        return self._rules[group]

    def _stated(self, group: Group) -> list[Any]:
        kind = self._sweep.kinds[group[2]]
        return [kind.preset, *(kind.judging.get(name) for name in STATED)]


class _Ranked:
    """Reads each run's ranks once."""

    def __init__(self) -> None:
        self.users: dict[Path, tuple[np.ndarray, np.ndarray] | None] = {}
        self.data: dict[Path, Any] = {}

    def pair(
        self, ours: list[Cell], base: list[Cell], metric: str
    ) -> tuple[np.ndarray, np.ndarray] | str:
        """Give both sides' metric by user (U,), averaged over seeds; or why there is none."""
        runs = [cell.run for cell in [*ours, *base]]
        found = [run for run in runs if run is not None]
        if len(found) < len(runs):
            return "a run folder is gone or damaged"
        if any(self._read(run) is None for run in found):
            return "a run is of a version that kept no ranks.parquet"
        if any(self.data[run] != self.data[found[0]] for run in found):
            return "runs were trained on different data"
        ranked = [told for run in found if (told := self.users[run]) is not None]
        common = reduce(np.intersect1d, [users for users, _ in ranked])
        if len(common) < 2:
            return "there are fewer than two users that all runs ranked"
        rows = [by_user(*told, metric, common) for told in ranked]
        return np.mean(rows[: len(ours)], axis=0), np.mean(rows[len(ours) :], axis=0)

    def _read(self, run: Path) -> tuple[np.ndarray, np.ndarray] | None:
        if run not in self.users:
            self.users[run] = read_ranks(run, "test")
            inputs = read_json(run / "manifest.json").get("inputs", {})
            self.data[run] = {k: v for k, v in inputs.items() if k != "neighbours.parquet"}
        return self.users[run]
