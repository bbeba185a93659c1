"""What a number of seeds can show at all, in numbers and in words for people."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import stats
from scipy.integrate import fixed_quad
from scipy.optimize import brentq

from basrec.statistics import LEAST_SEEDS, LEVEL, RESAMPLES

POWER = 0.8
NODES = 500
"""Points of the Gauss-Legendre rule on either side of the turn: more change no digit."""


@cache
def detectable(n: int, level: float = LEVEL) -> float | None:
    """Give the smallest effect dz that a paired t-test over n finds in four of five cases."""
    if n < 2:
        return None
    critical = float(stats.t.ppf(1.0 - level / 2.0, n - 1))
    return float(brentq(lambda dz: power(dz, n, critical) - POWER, 0.0, 10.0 * critical))


def power(dz: float, n: int, critical: float) -> float:
    """Give the chance that |t| over n differences exceeds `critical` where the effect is dz.

    Integrated over the standard deviation that is found; the non-central t of scipy, and with it
    TTestPower of statsmodels, fails for two or three seeds.
    """
    scale, shift = critical / math.sqrt(n - 1), dz * math.sqrt(n)

    def reached(found: np.ndarray) -> np.ndarray:
        beyond = stats.norm.sf(scale * found - shift) + stats.norm.cdf(-scale * found - shift)
        return np.asarray(beyond * stats.chi.pdf(found, n - 1))

    most = float(stats.chi.isf(1e-12, n - 1))
    turn = min(most, shift / scale)  # where |t| of the mean case comes to `critical`
    parts = ((0.0, turn), (turn, most))
    return float(sum(fixed_quad(reached, *part, n=NODES)[0] for part in parts))


def smallest_wilcoxon(n: int) -> float:
    """Give the smallest p that the exact two-sided signed-rank test over n can reach."""
    return min(1.0, 2.0 / 2**n)


def seeds_for_wilcoxon(level: float) -> int:
    """Give the fewest seeds with which the signed-rank test can reach a level."""
    return math.ceil(math.log2(2.0 / level))


def warnings_of(seeds: list[int], family: int) -> list[str]:
    """Tell what comparisons over so many common seeds, one number each, cannot carry.

    `family` is how many comparisons are corrected together. Where nothing was compared, there is
    nothing to tell.
    """
    told = []
    if min(seeds, default=2) < 2:
        which = "all comparisons" if max(seeds) < 2 else "some comparisons"
        told.append(
            f"One seed alone is common in {which}: a single run does not show how much "
            "chance moves it, so nothing there is called significant."
        )
    for n in sorted({count for count in seeds if count >= 2}):
        told += _of_seeds(n, family)
    if family / (RESAMPLES + 1) > LEVEL:
        told.append(
            f"{family} comparisons are too many for {RESAMPLES:,} resamples: corrected, the "
            f"randomisation test cannot go below {family / (RESAMPLES + 1):.3f}."
        )
    return told


def _of_seeds(n: int, family: int) -> list[str]:
    """Tell the limits of the two tests over n seeds."""
    told = []
    if n < LEAST_SEEDS:
        told.append(
            f"Comparisons over {n} seeds carry no mark over seeds, whatever p is: it takes "
            f"{LEAST_SEEDS} seeds."
        )
    lowest = smallest_wilcoxon(n)
    if lowest > LEVEL:
        told.append(
            f"With {n} seeds the Wilcoxon test cannot go below p = {lowest:.4g}, even if every "
            f"seed agrees: it can never call a difference significant at {LEVEL:g}. "
            f"It takes {seeds_for_wilcoxon(LEVEL)} seeds, and "
            f"{seeds_for_wilcoxon(LEVEL / family)} for the first of {family} corrected comparisons."
        )
    elif lowest * family > LEVEL:
        told.append(
            f"With {n} seeds the Wilcoxon test reaches p = {lowest:.4g} at best, which the "
            f"correction for {family} comparisons lifts above {LEVEL:g}; it would take "
            f"{seeds_for_wilcoxon(LEVEL / family)} seeds."
        )
    alone, corrected = detectable(n), detectable(n, LEVEL / family)
    told.append(
        f"With {n} seeds a paired t-test has an 80 % chance to find a difference of {alone:.2f} "
        f"standard deviations of the differences between seeds ({corrected:.2f} for the first of "
        f"{family} corrected comparisons). A smaller gain may be real and still go unnoticed: "
        "not significant does not mean equal."
    )
    return told


def told_once(warnings: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Part the warnings of several metrics into those that all have and those of each alone."""
    common = [told for told in warnings[0] if all(told in others for others in warnings)]
    return common, [[told for told in own if told not in common] for own in warnings]
