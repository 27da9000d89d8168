"""Bootstrap: intervals that agree with scipy's, cover what they promise to, and say nothing of nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practicum.training.bootstrap import mean, ratio

SAMPLES = {
    "skewed": np.random.default_rng(1).exponential(size=40),
    "successes": np.random.default_rng(2).random(60) < 0.85,
    "steps": np.random.default_rng(3).poisson(8, size=25),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_the_interval_of_a_mean_is_that_of_scipy(name, confidence):
    stats = pytest.importorskip("scipy.stats")
    sample, random = SAMPLES[name].astype(float), np.random.default_rng(7)
    theirs = stats.bootstrap((sample,), np.mean, n_resamples=4_000, confidence_level=confidence, rng=random)
    ours = mean(sample.tolist(), seed=7, draws=4_000, confidence=confidence)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=1e-9)


def test_the_interval_of_a_ratio_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(4)
    parts, wholes = random.poisson(3, 30).astype(float), random.poisson(9, 30).astype(float)
    theirs = stats.bootstrap(
        (parts, wholes),
        lambda p, w, axis: p.sum(axis) / w.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=40_000,
        rng=7,
    ).confidence_interval
    ours = ratio(parts.tolist(), wholes.tolist(), draws=40_000)
    width = theirs.high - theirs.low
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)


def test_nineteen_of_twenty_intervals_hold_the_truth_also_of_a_skewed_kind():
    random = np.random.default_rng(5)
    found = [mean(random.exponential(size=50).tolist(), seed=n, draws=1_000) for n in range(300)]
    covered = sum(each.low <= 1 <= each.high for each in found) / len(found)
    assert 0.90 <= covered <= 0.98


def test_a_small_sample_has_the_ends_that_counting_all_its_draws_gives():
    """Of 0 and 1 the 27 equal draws of (0, 0, 1) have means 0, 1/3, 2/3 and 1, so the ends are among them."""
    found = mean([0, 0, 1], draws=20_000)
    assert found.value == pytest.approx(1 / 3)
    assert found.low == 0
    assert found.high in (pytest.approx(2 / 3), 1)


@settings(suppress_health_check=[HealthCheck.too_slow])  # floats are slow to draw at first
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(0, 9))
def test_an_interval_is_in_order_within_the_sample_and_the_same_again(sample, seed):
    found = mean(sample, seed=seed, draws=200)
    slack = 1e-6 * max(1, *map(abs, sample))
    assert min(sample) - slack <= found.low <= found.high <= max(sample) + slack
    assert mean(sample, seed=seed, draws=200) == found
    assert found.n == len(sample)


def test_equal_observations_have_no_width():
    found = mean([1.0] * 30)
    assert (found.low, found.value, found.high) == (1, 1, 1)


def test_nothing_has_no_figure():
    assert mean([]) is None
    assert ratio([1.0, 2.0], [0.0, 0.0]) is None
