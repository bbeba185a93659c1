"""What a number of seeds can show."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from basrec.power import (
    detectable,
    power,
    seeds_for_wilcoxon,
    smallest_wilcoxon,
    warnings_of,
)


@pytest.mark.parametrize("n", [4, 5, 10, 30])
def test_the_detectable_effect_is_that_of_statsmodels(n: int) -> None:
    told = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8, alternative="two-sided")
    assert detectable(n) == pytest.approx(told, rel=1e-4)


def test_the_power_over_two_seeds_is_what_draws_say() -> None:
    critical = stats.t.ppf(0.975, 1)
    found = np.random.default_rng(0).normal(9.0, 1.0, (100_000, 2))
    t = found.mean(1) / (found.std(1, ddof=1) / np.sqrt(2))
    assert power(9.0, 2, critical) == pytest.approx(np.mean(np.abs(t) > critical), abs=0.005)
    assert detectable(1) is None


def test_wilcoxon_over_five_seeds_never_reaches_the_level() -> None:
    assert smallest_wilcoxon(5) == 0.0625 and smallest_wilcoxon(6) == 0.03125
    assert stats.wilcoxon(np.arange(1.0, 6.0), method="exact").pvalue == smallest_wilcoxon(5)
    assert seeds_for_wilcoxon(0.05) == 6
    assert seeds_for_wilcoxon(0.05 / 8) == 9  # 2 / 2^9 = .0039 <= .00625 < 2 / 2^8


def test_warnings_are_for_people() -> None:
    five = " ".join(warnings_of([5, 5], family=8))
    assert "With 5 seeds the Wilcoxon test cannot go below p = 0.0625" in five
    assert "It takes 6 seeds, and 9 for the first of 8" in five
    assert "1.68 standard deviations" in five and "not significant does not mean equal" in five
    assert "One seed" not in five
    assert "all comparisons" in warnings_of([1, 1], family=2)[0]
    assert "some comparisons" in warnings_of([1, 5], family=2)[0]
    assert warnings_of([], family=1) == []  # nothing was compared
    assert "carry no mark over seeds" in warnings_of([2], family=1)[0]
    assert "lifts above 0.05" in " ".join(warnings_of([7], family=20))
    assert "resamples" in " ".join(warnings_of([9], family=501))
