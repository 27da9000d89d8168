"""Statistics: tests that agree with scipy and with counting, and that claim nothing of nothing."""

from __future__ import annotations

import math
import warnings
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from practicum.training import statistics
from practicum.training.statistics import (
    ALIKE,
    ALIKE_PAIRS,
    NO_NUMBER,
    NOT_BINARY,
    NOTHING,
    TOO_FEW,
    bonferroni,
    holm,
    mann_whitney,
    mcnemar,
    paired_permutation,
    paired_t,
    permutation,
    welch,
)

EVERY = [welch, mann_whitney, permutation, paired_t, paired_permutation, mcnemar]
PAIRED = [paired_t, paired_permutation, mcnemar]
SCIPY = 1e-9
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

numbers = st.floats(-100, 100).map(lambda x: round(x, 3))
whole = st.integers(-4, 4).map(float)
samples = st.one_of(st.lists(numbers, min_size=2, max_size=25), st.lists(whole, min_size=2, max_size=25))
short = st.one_of(st.lists(numbers, min_size=1, max_size=5), st.lists(whole, min_size=1, max_size=5))


def pairs_of(values: Any, most: int = 25, least: int = 2) -> Any:
    return st.lists(st.tuples(values, values), min_size=least, max_size=most)


def apart(pairs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [one for one, _ in pairs], [two for _, two in pairs]


# Against scipy -------------------------------------------------------------------


@UNHURRIED
@given(samples, samples)
def test_welch_is_that_of_scipy(one: list[float], two: list[float]):
    stats = pytest.importorskip("scipy.stats")
    assume(np.ptp(one) > 1e-3 or np.ptp(two) > 1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # one of them may be all alike
        theirs = stats.ttest_ind(one, two, equal_var=False)
    ours = welch(one, two)
    assert ours.p == pytest.approx(theirs.pvalue, abs=SCIPY)
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-6, abs=1e-9)


@UNHURRIED
@given(pairs_of(numbers) | pairs_of(whole))
def test_the_paired_t_test_is_that_of_scipy(pairs: list[tuple[float, float]]):
    stats = pytest.importorskip("scipy.stats")
    one, two = apart(pairs)
    assume(np.ptp(np.subtract(one, two)) > 1e-3)
    theirs, ours = stats.ttest_rel(one, two), paired_t(one, two)
    assert ours.p == pytest.approx(theirs.pvalue, abs=SCIPY)
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-6, abs=1e-9)


@UNHURRIED
@given(samples, samples)
def test_mann_and_whitneys_test_is_that_of_scipy(one: list[float], two: list[float]):
    stats = pytest.importorskip("scipy.stats")
    assume(len({*one, *two}) > 1)
    theirs, ours = stats.mannwhitneyu(one, two), mann_whitney(one, two)
    assert (ours.statistic, ours.p) == (theirs.statistic, pytest.approx(theirs.pvalue, abs=SCIPY))


@UNHURRIED
@given(pairs_of(numbers, 6) | pairs_of(whole, 6))
def test_exchanging_pairs_in_every_way_is_what_scipy_does(pairs: list[tuple[float, float]]):
    stats = pytest.importorskip("scipy.stats")
    one, two = apart(pairs)
    theirs = stats.permutation_test(
        (one, two),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
    )
    assert paired_permutation(one, two).p == pytest.approx(theirs.pvalue, abs=SCIPY)


@SLOW
@given(short, short)
def test_dealing_values_anew_in_every_way_is_what_scipy_does(one: list[float], two: list[float]):
    stats = pytest.importorskip("scipy.stats")
    assume(min(len(one), len(two)) > 1)
    theirs = stats.permutation_test(
        (one, two), lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis), vectorized=True
    )
    assert permutation(one, two).p == pytest.approx(theirs.pvalue, abs=SCIPY)


# Against counting ----------------------------------------------------------------


@UNHURRIED
@given(pairs_of(whole, 8, 1))
def test_a_paired_p_value_is_the_share_of_exchanges_that_are_as_far_off(pairs: list[tuple[float, float]]):
    one, two = apart(pairs)
    differences = [a - b for a, b in pairs]
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in product((1, -1), repeat=len(pairs))
    ]
    expected = sum(abs(each) >= abs(sum(differences)) for each in sums) / len(sums)
    assert paired_permutation(one, two).p == pytest.approx(expected)


@UNHURRIED
@given(st.lists(whole, min_size=1, max_size=4), st.lists(whole, min_size=1, max_size=4))
def test_an_unpaired_p_value_is_twice_the_smaller_tail_of_all_deals(one: list[float], two: list[float]):
    pooled, observed = [*one, *two], sum(one) / len(one) - sum(two) / len(two)
    means = []
    for hand in combinations(range(len(pooled)), len(one)):
        mine = sum(pooled[place] for place in hand)
        means.append(mine / len(one) - (sum(pooled) - mine) / len(two))
    below = sum(each <= observed + 1e-9 for each in means) / len(means)
    above = sum(each >= observed - 1e-9 for each in means) / len(means)
    assert permutation(one, two).p == pytest.approx(min(1, 2 * min(below, above)))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 4), (3, 4), (5, 5)])
def test_the_exact_rank_test_counts_the_orders_of_the_values(n: int, m: int):
    counted: dict[int, int] = {}
    for ranks in combinations(range(1, n + m + 1), n):
        u = sum(ranks) - n * (n + 1) // 2
        counted[u] = counted.get(u, 0) + 1
    for ranks in combinations(range(1, n + m + 1), n):
        u = sum(ranks) - n * (n + 1) // 2
        tail = sum(count for each, count in counted.items() if each >= max(u, n * m - u))
        rest = [rank for rank in range(1, n + m + 1) if rank not in ranks]
        assert mann_whitney(ranks, rest).p == pytest.approx(min(1, 2 * tail / math.comb(n + m, n)))


@given(pairs_of(st.sampled_from((0.0, 1.0)), 30, 1))
def test_mcnemars_test_is_the_exchange_of_pairs(pairs: list[tuple[float, float]]):
    one, two = apart(pairs)
    found = mcnemar(one, two)
    first_only, second_only = sum(one > two for one, two in pairs), sum(one < two for one, two in pairs)
    n = first_only + second_only
    tail = sum(math.comb(n, k) for k in range(min(first_only, second_only) + 1)) / 2**n
    assert (found.statistic, found.p) == (first_only, pytest.approx(min(1, 2 * tail)))
    assert paired_permutation(one, two).p == pytest.approx(found.p)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_corrections_follow_their_definitions(ps: list[float]):
    assert bonferroni(ps) == [min(1, p * len(ps)) for p in ps]
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    for place, corrected in enumerate(holm(ps)):
        before = order[: order.index(place) + 1]
        assert corrected == max(min(1, ps[each] * (len(ps) - rank)) for rank, each in enumerate(before))
        assert ps[place] <= corrected <= bonferroni(ps)[place]


def test_what_has_no_p_value_does_not_count_as_a_comparison():
    assert bonferroni([0.01, None, 0.02]) == [0.02, None, 0.04]
    assert holm([0.02, None, 0.01]) == [0.02, None, 0.02]
    assert holm([]) == bonferroni([]) == []


# Draws ---------------------------------------------------------------------------

RANDOM = np.random.default_rng(11)
ONE, TWO = RANDOM.normal(0.5, size=40).tolist(), RANDOM.normal(size=40).tolist()


@pytest.mark.parametrize("test", [paired_permutation, permutation])
def test_drawn_permutations_come_near_to_the_t_test_and_are_the_same_for_equal_seeds(test: Any):
    found, t = test(ONE, TWO), (paired_t if test is paired_permutation else welch)(ONE, TWO)
    assert found.p == pytest.approx(t.p, rel=0.35)
    assert test(ONE, TWO) == found
    assert test(ONE, TWO, seed=1).p != found.p
    assert test(ONE, [value - 50 for value in TWO]).p == 2 / (statistics.DRAWS + 1)


def test_many_values_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch):
    whole_p = paired_permutation(ONE, TWO).p
    monkeypatch.setattr(statistics, "_CELLS", 100)
    assert paired_permutation(ONE, TWO).p == pytest.approx(whole_p, rel=0.2)
    assert permutation(ONE, TWO[1:]).p == pytest.approx(welch(ONE, TWO[1:]).p, rel=0.35)


@SLOW
@given(st.randoms(use_true_random=False), samples, samples)
def test_neither_the_order_of_agents_nor_of_values_changes_a_p_value(random: Any, one: Any, two: Any):
    for test in (welch, mann_whitney, permutation):
        p = test(one, two).p
        shuffled = random.sample(one, len(one))
        assert [test(two, one).p, test(shuffled, two).p] == [p and pytest.approx(p, abs=1e-12)] * 2
    pairs = list(zip(one, two, strict=False))
    for test in (paired_t, paired_permutation):
        p = test(*apart(pairs)).p
        assert test(*apart(random.sample(pairs, len(pairs)))).p == (p and pytest.approx(p, abs=1e-12))
        assert test(*reversed(apart(pairs))).p == (p and pytest.approx(p, abs=1e-12))


@pytest.mark.parametrize("test", EVERY)
def test_where_there_is_no_difference_one_of_twenty_is_called_one(test: Any):
    random = np.random.default_rng(3)
    is_binary = test is mcnemar

    def sample() -> list[float]:
        return (
            (random.random(25) < 0.5).astype(float).tolist() if is_binary else random.normal(size=25).tolist()
        )

    options = {"draws": 400} if test in (permutation, paired_permutation) else {}
    called = sum(test(sample(), sample(), **options).p < 0.05 for _ in range(400)) / 400
    assert called <= 0.08
    assert called >= (0.005 if is_binary else 0.02)


# Nothing to say ------------------------------------------------------------------


@pytest.mark.parametrize("test", EVERY)
def test_nothing_is_said_of_nothing_and_of_what_is_no_number(test: Any):
    assert (test([], []).p, test([], []).remark) == (None, NOTHING)
    for odd in (math.nan, math.inf, -math.inf):
        assert (test([1.0, odd], [0.0, 1.0]).p, test([0.0, 1.0], [1.0, odd]).remark) == (None, NO_NUMBER)


@pytest.mark.parametrize(
    ("test", "one", "two", "remark"),
    [
        (welch, [1.0], [2.0, 3.0], TOO_FEW),
        (paired_t, [1.0], [2.0], TOO_FEW),
        (welch, [0.1] * 5, [0.1] * 5, ALIKE),
        (welch, [1.0] * 5, [0.0] * 5, ALIKE),
        (paired_t, [1.0, 2.0, 3.0], [0.0, 1.0, 2.0], ALIKE_PAIRS),
        (paired_t, [0.1, 0.2, 0.3], [0.3, 0.4, 0.5], ALIKE_PAIRS),
        (mcnemar, [0.5, 1.0], [0.0, 1.0], NOT_BINARY),
    ],
)
def test_what_a_test_cannot_judge_has_a_remark_instead_of_a_p_value(
    test: Any, one: Any, two: Any, remark: str
):
    found = test(one, two)
    assert (found.statistic, found.p, found.remark) == (None, None, remark)
    assert found.as_json() == {"n": found.n, "statistic": None, "p": None, "remark": remark}


@pytest.mark.parametrize("test", [mann_whitney, permutation, paired_permutation, mcnemar])
def test_equal_samples_do_not_differ(test: Any):
    assert test([1.0] * 12, [1.0] * 12).p == 1
    assert test([1.0], [0.0]).p == 1


def test_a_single_pair_and_few_pairs_prove_nothing():
    assert paired_permutation([1.0] * 5, [0.0] * 5).p == pytest.approx(2 / 32)
    assert paired_permutation([1.0] * 6, [0.0] * 6).p == pytest.approx(2 / 64)


@pytest.mark.parametrize("test", PAIRED)
def test_pairs_need_two_values_each(test: Any):
    with pytest.raises(ValueError, match="there are 1 and 2"):
        test([1.0], [1.0, 0.0])


@pytest.mark.parametrize("test", [each for each in EVERY if each is not mcnemar])
@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_the_unit_of_a_figure_changes_no_p_value(test: Any, factor: float):
    scaled = test([value * factor for value in ONE], [value * factor for value in TWO])
    assert scaled.p == pytest.approx(test(ONE, TWO).p, abs=1e-3)
