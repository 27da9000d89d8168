"""Distributions: the numbers that tables and scipy have."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.training.distributions import (
    binomial_p,
    incomplete_beta,
    normal_above,
    normal_p,
    student_p,
    student_quantile,
)

freedoms = st.one_of(st.floats(0.5, 200), st.floats(200, 1e6))


@pytest.mark.parametrize(
    ("t", "freedom", "p"), [(12.706, 1, 0.05), (2.228, 10, 0.05), (2.750, 30, 0.01), (1.960, 1e9, 0.05)]
)
def test_the_p_values_of_students_t_are_those_of_the_tables(t: float, freedom: float, p: float):
    assert student_p(t, freedom) == student_p(-t, freedom) == pytest.approx(p, rel=2e-3)


@settings(deadline=None)
@given(st.floats(-40, 40), freedoms)
def test_the_p_values_of_students_t_are_those_of_scipy(t: float, freedom: float):
    stats = pytest.importorskip("scipy.stats")
    assert student_p(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), abs=1e-9, rel=1e-6)


@settings(deadline=None)
@given(st.floats(0.001, 0.999), st.floats(1, 1000))
def test_a_quantile_is_where_its_probability_is(p: float, freedom: float):
    t = student_quantile(p, freedom)
    below = 1 - student_p(t, freedom) / 2 if t > 0 else student_p(t, freedom) / 2
    assert below == pytest.approx(p, abs=1e-9)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_p_values_of_a_fair_coin_are_those_of_scipy(heads: int, tails: int):
    stats = pytest.importorskip("scipy.stats")
    n = heads + tails
    expected = stats.binomtest(heads, n, 0.5).pvalue if n else 1.0
    assert binomial_p(heads, n) == pytest.approx(expected, abs=1e-12)


def test_many_throws_are_counted_exactly():
    assert binomial_p(10_000, 20_000) == 1
    assert binomial_p(9_800, 20_000) == pytest.approx(normal_p(399 / math.sqrt(20_000)), rel=1e-3)


def test_the_normal_distribution_has_its_known_values():
    assert normal_p(1.959964) == pytest.approx(0.05, abs=1e-7)
    assert (normal_above(0), normal_above(-math.inf)) == (0.5, 1)


def test_the_incomplete_beta_function_has_its_known_values():
    assert incomplete_beta(1, 1, 0.3, 0.7) == pytest.approx(0.3)
    assert incomplete_beta(2, 2, 0.5, 0.5) == pytest.approx(0.5)
    assert incomplete_beta(3, 0.5, 0.0, 1.0) == 0
    assert incomplete_beta(3, 0.5, 1.0, 0.0) == 1
