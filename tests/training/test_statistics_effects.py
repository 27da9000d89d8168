"""Effects: sizes that follow their definitions, and numbers of tasks that find what they promise to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.training.bootstrap import mean
from practicum.training.effects import cliffs_delta, cohen_d, cohen_dz, detectable, odds_ratio, tasks_needed
from practicum.training.statistics import paired_t

samples = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=15)


@given(samples, samples)
def test_cliffs_delta_counts_who_is_above_whom(one: list[float], two: list[float]):
    above = sum(a > b for a in one for b in two) - sum(a < b for a in one for b in two)
    assert cliffs_delta(one, two) == pytest.approx(above / (len(one) * len(two)))


def test_cohens_d_is_a_difference_in_standard_deviations():
    assert cohen_d([2, 4, 6], [1, 3, 5]) == pytest.approx(0.5)
    assert cohen_d([3, 5], [1, 1, 1]) == pytest.approx(3 / np.sqrt(2 / 3))
    assert cohen_dz([1, 2, 3]) == pytest.approx(2)


def test_what_has_no_spread_has_no_size():
    assert cohen_d([1, 1], [0, 0]) is None
    assert cohen_d([1], [0, 1]) is None
    assert cohen_dz([1, 1, 1]) is cohen_dz([2]) is None
    assert cliffs_delta([], [1.0]) is odds_ratio([], [1.0]) is None
    assert detectable(0.0, 50) is detectable(0.5, 1) is detectable(float("nan"), 5) is None


def test_the_odds_ratio_is_that_of_scipy():
    contingency = pytest.importorskip("scipy.stats").contingency
    one, two = [1.0] * 30 + [0.0] * 10, [1.0] * 12 + [0.0] * 20
    expected = contingency.odds_ratio([[30, 10], [12, 20]], kind="sample").statistic
    assert odds_ratio(one, two) == pytest.approx(expected)


def test_who_always_succeeds_has_finite_odds():
    assert odds_ratio([1.0] * 10, [0.0] * 10) == pytest.approx((10.5 * 10.5) / (0.5 * 0.5))
    assert odds_ratio([0.5, 1.0], [1.0, 0.5]) == pytest.approx(1)


@pytest.mark.parametrize(("n", "spread"), [(12, 1.0), (50, 0.4)])
def test_the_detectable_difference_is_found_four_times_out_of_five(n: int, spread: float):
    random, difference = np.random.default_rng(8), detectable(spread, n)
    rounds = [random.normal(difference, spread, size=n) for _ in range(1500)]
    found = np.mean([paired_t(each, np.zeros(n)).p < 0.05 for each in rounds])
    assert found == pytest.approx(0.8, abs=0.04)


@settings(deadline=None)
@given(st.floats(0.05, 3), st.floats(0.05, 3))
def test_so_many_tasks_are_needed_and_not_fewer(spread: float, difference: float):
    n = tasks_needed(spread, difference)
    assert detectable(spread, n) <= difference
    assert n == 2 or detectable(spread, n - 1) > difference


def test_what_no_number_of_tasks_finds_is_said():
    with pytest.raises(ValueError, match="must be above 0"):
        tasks_needed(1.0, 0.0)
    with pytest.raises(ValueError, match="takes more than"):
        tasks_needed(1.0, 1e-9)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_nineteen_of_twenty_intervals_of_success_hold_the_truth(share: float):
    random = np.random.default_rng(2)
    found = [mean((random.random(60) < share).astype(float).tolist(), seed=n, draws=800) for n in range(300)]
    covered = sum(each.low <= share <= each.high for each in found) / len(found)
    assert 0.9 <= covered <= 0.99


def test_nineteen_of_twenty_intervals_of_a_paired_difference_hold_the_truth():
    random = np.random.default_rng(6)
    found = []
    for n in range(300):
        hard = random.random(50)
        one, two = (random.random(50) < 0.2 + 0.7 * hard), (random.random(50) < 0.7 * hard)
        found.append(mean((one.astype(float) - two).tolist(), seed=n, draws=800))
    covered = sum(each.low <= 0.2 <= each.high for each in found) / len(found)
    assert 0.9 <= covered <= 0.99
