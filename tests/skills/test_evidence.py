"""Evidence decides as often as it promises to, and no oftener."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.skills.evidence import (
    ALTERNATIVES,
    BOUNDARY,
    ENOUGH,
    HORIZON,
    EDetector,
    EProcess,
    Watch,
    e_value,
)

USES = st.lists(st.booleans(), max_size=60)


def exact(a: int, b: int, x: Fraction) -> float:
    """The mean ratio as a polynomial in whole fractions, term by term."""
    terms = (Fraction((-1) ** k * math.comb(b, k)) * x ** (a + k + 1) / (a + k + 1) for k in range(b + 1))
    return float(sum(terms) / (x ** (a + 1) * (1 - x) ** b))


@given(st.integers(0, 300), st.integers(0, 60))
def test_the_e_value_is_the_integral_that_it_stands_for(hits: int, misses: int) -> None:
    assert e_value(hits, misses) == pytest.approx(exact(misses, hits, Fraction(1, 5)), rel=1e-9)
    assert EProcess(hits, misses).value == pytest.approx(exact(hits, misses, Fraction(4, 5)), rel=1e-9)


def test_the_e_value_agrees_with_a_quadrature() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(200)
    p = 0.9 + 0.1 * nodes
    for hits, misses in ((20, 0), (40, 3), (7, 7), (150, 20)):
        ratio = (p / 0.8) ** hits * ((1 - p) / 0.2) ** misses
        assert e_value(hits, misses) == pytest.approx(float(weights @ ratio) / 2, rel=1e-9)


def test_twenty_clean_tasks_are_enough_and_nineteen_are_not() -> None:
    assert e_value(20, 0) == pytest.approx(20.46, abs=0.01)
    assert e_value(19, 0) < ENOUGH
    assert e_value(0, 0) == EProcess().value == 1


def test_many_uses_have_a_value_that_is_a_number() -> None:
    for hits, misses in ((100_000, 9_000), (10, 100_000), (100_000, 0), (0, 100_000), (800_000, 200_000)):
        assert 0 <= e_value(hits, misses) < math.inf
        assert 0 < EProcess(hits, misses).value < math.inf


@given(st.integers(0, 200), st.integers(0, 50))
def test_the_expected_next_value_at_the_boundary_is_the_value(hits: int, misses: int) -> None:
    for value in (e_value, lambda h, m: EProcess(h, m).value):
        following = BOUNDARY * value(hits + 1, misses) + (1 - BOUNDARY) * value(hits, misses + 1)
        assert following == pytest.approx(value(hits, misses), rel=1e-9)


@given(USES)
def test_a_use_adds_one_to_the_detectors_expectation_and_keeps_the_processes(uses: list[bool]) -> None:
    before = Watch.of(uses)
    hit, miss = before.after(True), before.after(False)
    mean = BOUNDARY * hit.detector.value + (1 - BOUNDARY) * miss.detector.value
    assert mean == pytest.approx(before.detector.value + 1 / HORIZON, rel=1e-9)
    assert hit.value < before.value + 1 / HORIZON
    assert miss.value > before.value


@given(USES, st.randoms(use_true_random=False))
def test_the_order_of_uses_does_not_matter_to_processes(uses: list[bool], random: object) -> None:
    shuffled = uses.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Watch.of(shuffled).process == Watch.of(uses).process


def test_the_order_of_uses_matters_to_the_detector() -> None:
    hits, misses = [True] * 50, [False] * 8
    assert Watch.of(hits + misses).detector.broken
    assert not Watch.of(misses + hits).detector.broken


@given(USES)
def test_a_watch_that_was_written_goes_on_as_if_nothing_had_happened(uses: list[bool]) -> None:
    watch = Watch.of(uses)
    assert Watch.from_json(json.loads(json.dumps(watch.as_json()))) == watch


def reached(value: Callable[[int, int], float], chance: float, uses: int) -> float:
    """The probability that a value of counts reaches `ENOUGH` within so many uses, by all their paths."""
    alive, out = {0: 1.0}, 0.0
    for n in range(1, uses + 1):
        moved: dict[int, float] = {}
        for misses, weight in alive.items():
            moved[misses] = moved.get(misses, 0.0) + weight * chance
            moved[misses + 1] = moved.get(misses + 1, 0.0) + weight * (1 - chance)
        done = {m for m in moved if value(n - m, m) >= ENOUGH}
        out += sum(moved[m] for m in done)
        alive = {m: weight for m, weight in moved.items() if m not in done and weight > 1e-12}
    return out


def test_a_skill_at_the_boundary_is_seldom_published() -> None:
    slipped = reached(cache(e_value), BOUNDARY, 100)
    assert 0.02 < slipped < 0.03
    assert reached(cache(e_value), 0.7, 100) < 0.001
    assert reached(cache(e_value), 0.98, 100) > 0.98


def test_a_process_seldom_retires_a_skill_at_the_boundary() -> None:
    assert 0.02 < reached(cache(lambda h, m: EProcess(h, m).value), BOUNDARY, HORIZON) < 0.05


def watched(uses: np.ndarray) -> np.ndarray:
    """The value of a watch after every use, of many histories at once, computed from the formulas."""
    q, weight = np.array(ALTERNATIVES).T
    process = cache(lambda h, m: EProcess(h, m).value)
    sums, hits, values = np.zeros((len(uses), len(q))), np.zeros(len(uses), int), []
    for n, column in enumerate(uses.T, 1):
        sums = (sums + 1) * np.where(column[:, None], q / 0.8, (1 - q) / 0.2)
        hits = hits + column
        early = np.array([process(int(h), int(n - h)) for h in hits])
        values.append(0.2 * early + 0.8 * (sums @ weight) / HORIZON)
    return np.array(values).T


def first(values: np.ndarray) -> np.ndarray:
    return np.where((values >= ENOUGH).any(1), (values >= ENOUGH).argmax(1) + 1, 10**9)


def test_a_watch_is_what_its_formulas_say() -> None:
    uses = np.random.default_rng(5).random((3, 80)) < 0.7
    for row, values in zip(uses, watched(uses), strict=True):
        assert Watch.of(map(bool, row)).value == pytest.approx(values[-1], rel=1e-9)


def test_a_watch_seldom_retires_a_skill_at_the_boundary() -> None:
    values = watched(np.random.default_rng(11).random((4000, HORIZON)) < BOUNDARY)
    retired = (first(values) <= HORIZON).mean()
    assert 0.015 < retired < 0.045  # 0.032 ± 3 standard errors; the bound is 0.05


@pytest.mark.parametrize("uses", [100, 500])
def test_a_watch_notices_a_break_within_twenty_uses(uses: int) -> None:
    random = np.random.default_rng(uses)
    good, broken = random.random((2000, uses)) < 0.97, random.random((2000, 60)) < 0.2
    noticed = first(watched(np.hstack([good, broken]))[:, uses:])
    assert np.median(noticed) <= 12
    assert np.quantile(noticed, 0.95) <= 20


def test_a_watch_notices_soon_that_a_new_skill_was_never_good() -> None:
    noticed = first(watched(np.random.default_rng(3).random((1000, 100)) < 0.2))
    assert np.median(noticed) <= 7


def test_a_detector_does_not_forget_how_to_see_a_break() -> None:
    watch = Watch.of([True] * 5000)
    assert Watch.of([*[True] * 5000, *[False] * 8]).broken
    assert not watch.broken
    assert EDetector(watch.detector.sums).value < 1
