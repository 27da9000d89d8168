"""Distributions: how probable chance alone makes what a test has found, in the standard library alone."""

from __future__ import annotations

import math

TINY = 1e-300
CLOSE = 4e-16
MOST_TERMS = 20_000
HALVINGS = 200


def normal_p(z: float) -> float:
    """How often a standard normal number is at least as far from 0 as `z`."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_above(z: float) -> float:
    """How often a standard normal number is above `z`."""
    return math.erfc(z / math.sqrt(2)) / 2


def student_p(t: float, freedom: float) -> float:
    """How often Student's t is at least as far from 0 as `t`.

    Args:
        t: the statistic.
        freedom: degrees of freedom, above 0, whole or not.
    """
    square = t * t
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + square), square / (freedom + square))


def student_quantile(p: float, freedom: float) -> float:
    """What Student's t is below with probability `p`, from 0 to 1 without the ends."""
    if p < 0.5:
        return -student_quantile(1 - p, freedom)
    low, high = 0.0, 1.0
    while student_p(high, freedom) / 2 > 1 - p:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if student_p(middle, freedom) / 2 > 1 - p else (low, middle)
    return (low + high) / 2


def binomial_p(hits: int, n: int) -> float:
    """How often a fair coin, thrown `n` times, is at least as uneven as `hits` heads (two-sided, exact)."""
    fewer = min(hits, n - hits)
    count = ways = 1
    for place in range(fewer):
        ways = ways * (n - place) // (place + 1)
        count += ways
    return min(1.0, 2 * count / (1 << n))


def incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22).

    Args:
        a: above 0.
        b: above 0.
        x: from 0 to 1.
        rest: 1 - x, which the caller knows with all its digits also where x is near 1.
    """
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, rest, x)
    logs = a * _logarithm(x, rest) + b * _logarithm(rest, x)
    return math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + logs) / (a * _fraction(a, b, x))


def _logarithm(part: float, rest: float) -> float:
    return math.log1p(-rest) if rest < part else math.log(part)


def _fraction(a: float, b: float, x: float) -> float:
    """1 + d1 / (1 + d2 / (1 + …)), by Lentz's method (Thompson and Barnett 1986)."""
    found, above, below = 1.0, 1.0, 0.0
    for term in range(1, MOST_TERMS):
        m = term // 2
        if term % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1 / (1 + d * below or TINY)
        above = 1 + d / above or TINY
        found *= above * below
        if abs(above * below - 1) < CLOSE:
            break
    return found
