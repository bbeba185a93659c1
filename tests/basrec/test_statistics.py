"""Statistics over seeds and users, against values worked out by hand or by other code."""

import math

import numpy as np
import pytest
from scipy import stats

from basrec.statistics import (
    compare_seeds,
    compare_users,
    effect_size,
    holm,
    sign_flip,
    signed_rank,
    summarise,
    t_test,
)


def test_a_summary_has_the_mean_the_sd_and_the_t_interval() -> None:
    told = summarise(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert (told.n, told.mean) == (5, 3.0)
    assert told.sd == pytest.approx(math.sqrt(10 / 4))
    half = 2.776445 * math.sqrt(2.5) / math.sqrt(5)  # t of 97.5 % with 4 degrees, from a table
    assert (told.low, told.high) == pytest.approx((3 - half, 3 + half), abs=1e-6)


def test_one_seed_has_a_mean_and_nothing_else() -> None:
    told = summarise(np.array([0.5]))
    assert (told.mean, told.sd, told.low, told.high) == (0.5, None, None, None)
    compared = compare_seeds(np.array([0.6]), np.array([0.5]))
    assert compared.difference == pytest.approx(0.1) and compared.gain == pytest.approx(0.2)
    assert compared.p_t is compared.p_wilcoxon is compared.dz is compared.low is None


def test_seeds_are_compared_in_pairs() -> None:
    base = np.array([10.0, 20.0, 30.0, 40.0])
    ours = base + np.array([1.0, 2.0, 3.0, 2.0])
    told = compare_seeds(ours, base)
    assert told.difference == 2.0 and told.gain == 2.0 / 25.0
    sd = math.sqrt((1 + 0 + 1 + 0) / 3)
    assert told.sd == pytest.approx(sd) and told.dz == pytest.approx(2.0 / sd)
    half = 3.182446 * sd / 2
    assert (told.low, told.high) == pytest.approx((2 - half, 2 + half), abs=1e-5)
    assert told.p_t == pytest.approx(stats.ttest_rel(ours, base).pvalue)
    assert told.p_wilcoxon == 2 / 2**4  # all four agree: one of 16 signs, both sides


def test_the_signed_rank_test_is_exact() -> None:
    difference = np.array([3.0, -1.0, 2.0, 5.0, 4.0])  # ranks 3, -1, 2, 5, 4: the sum below is 1
    assert signed_rank(difference) == 2 * 2 / 2**5  # sums 0 and 1, each one way
    random = np.random.default_rng(1)
    for n in (3, 6, 9):
        values = random.normal(0.3, 1, n)
        assert signed_rank(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)
    assert signed_rank(np.zeros(4)) == 1.0
    # two tied differences: midranks 1.5, 1.5, 3; all positive is one of eight signs
    assert signed_rank(np.array([1.0, 1.0, 2.0])) == 2 / 8


def test_the_randomisation_test_agrees_with_all_signs_and_with_scipy() -> None:
    difference = np.array([0.5, 0.0, 0.3, -0.1, 0.4, 0.2, 0.0, 0.6, 0.1])
    told = stats.permutation_test(
        (difference,), np.sum, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(difference, 99_999, 0) == pytest.approx(told.pvalue, abs=0.004)
    assert sign_flip(difference, 999, 7) == sign_flip(difference, 999, 7)
    assert sign_flip(np.zeros(5), 999, 0) == 1.0
    # of 2^20 signs two reach the sum: never seen, so p is the least that it can be
    assert sign_flip(np.ones(20), 99, 3) == 1 / 100


def test_sums_that_are_equal_count_as_equal() -> None:
    # 400 users, of whom 210 gain a fifth of a hit and 190 lose it: exactly a binomial test
    difference = np.concatenate([np.full(210, 1 / 5), np.full(190, -1 / 5)])
    told = stats.binomtest(210, 400).pvalue
    assert sign_flip(difference, 40_000, 0) == pytest.approx(told, abs=0.01)
    assert told - stats.binomtest(211, 400).pvalue > 0.02  # what losing the equal ones would do


def test_many_users_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    difference = np.random.default_rng(2).normal(0.1, 1, 500)
    monkeypatch.setattr("basrec.statistics.SIGNS_AT_ONCE", 500 * 64)
    assert sign_flip(difference, 4999, 0) == pytest.approx(t_test(difference), abs=0.02)


def test_users_are_compared_in_pairs() -> None:
    base, ours = np.array([0.0, 1.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.5, 0.0])
    told = compare_users(ours, base)
    assert (told.users, told.changed) == (4, 2)
    assert told.difference == pytest.approx(1.5 / 4)
    assert told.p_t == pytest.approx(stats.ttest_rel(ours, base).pvalue)
    assert told.p_randomisation == pytest.approx(0.5, abs=0.03)  # 2 of 4 signs reach +-1.5
    sd = math.sqrt(((1 - 0.375) ** 2 + 2 * 0.375**2 + 0.125**2) / 3)
    assert told.dz == pytest.approx(0.375 / sd)


def test_equal_differences_are_no_trap() -> None:
    base = np.array([0.3, 0.31, 0.33])
    for shift in (0.0, 0.01, -0.2):  # equal, but for what floating point adds
        told = compare_seeds(base + shift, base)
        assert told.difference == pytest.approx(shift) and told.sd == 0.0
        assert told.p_t is told.dz is told.low is told.high is None
        assert told.p_wilcoxon == (1.0 if shift == 0.0 else 2 / 2**3)
    users = compare_users(np.ones(20), np.zeros(20))
    assert users.p_t is users.dz is None and users.p_randomisation < 0.01
    assert effect_size(np.zeros(3)) is None and t_test(np.full(3, 0.5)) is None


def test_differences_of_whole_counts_are_ranked_as_counts_are() -> None:
    base = np.array([1396, 1390, 1400, 1410, 1388, 1379, 1401, 1395])
    added = np.array([5, -5, 5, 3, 5, -3, 5, 5])
    told = compare_seeds((base + added) / 4563, base / 4563)
    assert told.p_wilcoxon == signed_rank(added.astype(float)) == 0.171875
    # equal but for the order of a sum is no difference
    noisy = compare_users(np.array([0.1 + 0.2, 1.0, 0.5]), np.array([0.3, 0.0, 0.5]))
    assert noisy.changed == 1


def test_holm_by_hand() -> None:
    # ordered .005 .01 .03 .04 -> 4*.005, 3*.01, 2*.03, and .04 is lifted to the .06 before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([None, 0.02, None]) == [None, 0.02, None]
    assert holm([]) == [] and holm([None]) == [None]
