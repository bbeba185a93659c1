"""Means over seeds with their intervals, paired comparisons, and the correction for many of them.

Shapes: n seeds, U users. All tests are two-sided and paired: `ours` and `base` agree in order.
"""

import gc
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

LEVEL = 0.05
CONFIDENCE = 0.95
RESAMPLES = 9999
LEAST_SEEDS = 3
"""Fewer seeds carry no mark over seeds: two tell next to nothing of the spread."""
SIGNS_AT_ONCE = 2**22
"""So many random signs exist at a time."""


@dataclass(frozen=True)
class Summary:
    """A metric over seeds; no interval where there is one seed alone or none differs."""

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SeedComparison:
    """A variant against the baseline, paired by seed; `gain` is relative to the baseline's mean.

    Where all differences are equal, `sd` is 0: no interval, no t-test and no dz.
    """

    n: int
    difference: float
    gain: float | None
    sd: float | None
    low: float | None
    high: float | None
    p_t: float | None
    p_wilcoxon: float | None
    dz: float | None


@dataclass(frozen=True)
class UserComparison:
    """A variant against the baseline, paired by user; `changed` users have a difference at all."""

    users: int
    changed: int
    difference: float
    low: float
    high: float
    p_t: float | None
    p_randomisation: float
    dz: float | None


def summarise(values: np.ndarray) -> Summary:
    """Give the mean of values (n,), the standard deviation (n - 1) and the 95 % t interval."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Summary(n, mean, None, None, None)
    if np.ptp(settled(values)) == 0.0:
        return Summary(n, mean, 0.0, None, None)
    sd = float(np.std(values, ddof=1))
    half = half_width(sd, n)
    return Summary(n, mean, sd, mean - half, mean + half)


def prediction_interval(told: Summary) -> tuple[float, float] | None:
    """Give the 95 % interval of one more value like those summarised; None where there is none."""
    if told.high is None or told.low is None:
        return None
    half = (told.high - told.low) / 2 * (told.n + 1) ** 0.5
    return told.mean - half, told.mean + half


def difference_of(ours: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Give ours less base (n,), 0 where rounding alone tells them apart."""
    return np.where(np.isclose(ours, base, rtol=1e-12, atol=0.0), 0.0, ours - base)


def settled(values: np.ndarray) -> np.ndarray:
    """Round values (n,) to 1e-9 of the largest, so that those are equal which rounding parts."""
    unit = 1e-9 * float(np.abs(values).max(initial=0.0))
    return np.rint(values / unit) * unit if unit else values


def half_width(sd: float, n: int) -> float:
    """Give half the width of the 95 % t interval of a mean of n values."""
    return float(stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1)) * sd / math.sqrt(n)


def compare_seeds(ours: np.ndarray, base: np.ndarray) -> SeedComparison:
    """Compare metrics (n,) of the same seeds; with one seed there is a difference and no test."""
    difference = difference_of(ours, base)
    told = summarise(difference)
    mean_base = float(np.mean(base))
    gain = told.mean / mean_base if mean_base else None
    if told.sd is None:
        return SeedComparison(told.n, told.mean, gain, *[None] * 6)
    return SeedComparison(
        told.n,
        told.mean,
        gain,
        told.sd,
        told.low,
        told.high,
        t_test(difference),
        signed_rank(difference),
        effect_size(difference),
    )


def compare_users(ours: np.ndarray, base: np.ndarray, seed: int = 0) -> UserComparison:
    """Compare metrics (U,) of the same users, at least two."""
    difference = difference_of(ours, base)
    mean = float(difference.mean())
    half = half_width(float(difference.std(ddof=1)), len(difference))
    return UserComparison(
        users=len(difference),
        changed=int(np.count_nonzero(difference)),
        difference=mean,
        low=mean - half,
        high=mean + half,
        p_t=t_test(difference),
        p_randomisation=sign_flip(difference, RESAMPLES, seed),
        dz=effect_size(difference),
    )


def t_test(difference: np.ndarray) -> float | None:
    """Give p of the paired t-test; None where all differences are equal: there is no spread."""
    if np.ptp(settled(difference)) == 0.0:
        return None
    return float(stats.ttest_1samp(difference, 0.0).pvalue)


def signed_rank(difference: np.ndarray) -> float:
    """Give p of Wilcoxon's signed-rank test, exact: over all signs of the ranks that are there.

    Differences of 0 are left out; with ties it is the exact p of the midranks.
    """
    difference = settled(difference)
    difference = difference[difference != 0.0]
    if len(difference) == 0:
        return 1.0
    ranks = np.rint(2 * stats.rankdata(np.abs(difference))).astype(int)  # doubled: whole numbers
    ways = np.ones(1)  # ways[s]: how many choices of signs give the positive ranks the sum s
    for rank in ranks:
        ways = np.convolve(ways, np.concatenate([[1.0], np.zeros(rank - 1), [1.0]]))
    positive = int(ranks[difference > 0].sum())
    tail = min(ways[: positive + 1].sum(), ways[positive:].sum()) / ways.sum()
    return float(min(1.0, 2.0 * tail))


def sign_flip(difference: np.ndarray, resamples: int, seed: int) -> float:
    """Give p of the randomisation test: if it did not matter which is which, signs are chance.

    `resamples` draws of signs, the observed ones counted with them, so p is at least
    1 / (resamples + 1). Users without a difference change no sum and are left out.
    """
    difference = difference[difference != 0.0]
    if len(difference) == 0:
        return 1.0
    draws = np.random.default_rng(seed)
    observed = abs(float(difference.sum()))
    limit = observed - 1e-9 * float(np.abs(difference).sum())  # equal sums differ by rounding
    at_once = max(1, SIGNS_AT_ONCE // len(difference))
    beyond = 0
    for first in range(0, resamples, at_once):
        rows = min(at_once, resamples - first)
        beyond += int(np.count_nonzero(np.abs(_flipped_sums(difference, rows, draws)) >= limit))
    return (beyond + 1) / (resamples + 1)


def _flipped_sums(difference: np.ndarray, rows: int, draws: np.random.Generator) -> np.ndarray:
    """Give the sums (rows,) of the differences under random signs."""
    wide = -(-len(difference) // 8)
    packed = np.frombuffer(draws.bytes(rows * wide), dtype=np.uint8).reshape(rows, wide)
    is_kept = np.unpackbits(packed, axis=1, count=len(difference))
    kept = is_kept.astype(np.float64) @ difference  # float32 would miss sums that are equal
    return np.asarray(2.0 * kept - difference.sum())


def effect_size(difference: np.ndarray) -> float | None:
    """Give Cohen's dz, the mean difference in its own standard deviations; None without any."""
    if np.ptp(settled(difference)) == 0.0:
        return None
    return float(np.mean(difference) / np.std(difference, ddof=1))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Correct a family of p-values by Holm's step-down rule; None stays None and is not counted."""
    asked = [value for value in values if value is not None]
    if not asked:
        return list(values)
    gc.freeze()  # multipletests collects garbage, over all that was ever imported: 0.3 s a call
    try:
        corrected = iter(multipletests(asked, alpha=LEVEL, method="holm")[1].tolist())
    finally:
        gc.unfreeze()
    return [None if value is None else next(corrected) for value in values]
