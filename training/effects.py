"""Effects: how large a difference is, and how small a one so many tasks can show."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from practicum.training.distributions import student_quantile

ALPHA = 0.05
"""How often chance alone may be taken for a difference."""
POWER = 0.8
"""How often a difference of that size is then found."""
MOST_TASKS = 10**9


def cohen_d(one: Sequence[float], two: Sequence[float]) -> float | None:
    """The difference of the means in pooled standard deviations (Cohen 1988); None without any spread."""
    if min(len(one), len(two)) < 2:
        return None
    freedom = len(one) + len(two) - 2
    squares = float(np.var(one)) * len(one) + float(np.var(two)) * len(two)
    return _over(float(np.mean(one)) - float(np.mean(two)), sqrt(squares / freedom))


def cohen_dz(differences: Sequence[float]) -> float | None:
    """The mean of paired differences in standard deviations of theirs; None without any spread."""
    if len(differences) < 2:
        return None
    return _over(float(np.mean(differences)), float(np.std(differences, ddof=1)))


def cliffs_delta(one: Sequence[float], two: Sequence[float]) -> float | None:
    """How much more often a value of the first is above one of the second than below (Cliff 1993)."""
    if not len(one) or not len(two):
        return None
    ordered = np.sort(two)
    above = np.searchsorted(ordered, one, side="left").sum()
    not_below = np.searchsorted(ordered, one, side="right").sum()
    return float((above + not_below) / (len(one) * len(two)) - 1)


def odds_ratio(one: Sequence[float], two: Sequence[float]) -> float | None:
    """The odds of success of the first over those of the second.

    Where one never or always succeeds, half a try is added to each of the four counts (Haldane 1956).

    Args:
        one: successes, or shares of them, from 0 to 1.
        two: the same of the second.
    """
    if not len(one) or not len(two):
        return None
    counts = np.array([sum(one), len(one) - sum(one), sum(two), len(two) - sum(two)], dtype=np.float64)
    if (counts <= 0).any():
        counts += 0.5
    return float(counts[0] * counts[3] / (counts[1] * counts[2]))


def detectable(spread: float, n: int, *, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The smallest mean difference that a paired t-test of `n` tasks finds with that power.

    It is (t(1 - alpha/2) + t(power)) * spread / sqrt(n), both of n - 1 degrees of freedom; None below two
    tasks, or without any spread.

    Args:
        spread: standard deviation of the differences between tasks.
        n: tasks.
        alpha: how often chance alone may be taken for a difference.
        power: how often the difference is then found.
    """
    if n < 2 or not spread > 0:
        return None
    return (student_quantile(1 - alpha / 2, n - 1) + student_quantile(power, n - 1)) * spread / sqrt(n)


def tasks_needed(spread: float, difference: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """How many tasks it takes to find a difference, as `detectable` has it.

    Raises:
        ValueError: the spread or the difference is not above 0, or it takes more than `MOST_TASKS`.
    """
    if not (spread > 0 and difference > 0):
        raise ValueError(f"spread {spread} and difference {difference} must be above 0")

    def is_enough(n: int) -> bool:
        found = detectable(spread, n, alpha=alpha, power=power)
        return found is not None and found <= difference

    many = 2
    while not is_enough(many):
        many *= 2
        if many > MOST_TASKS:
            raise ValueError(f"a difference of {difference} takes more than {MOST_TASKS} tasks")
    few = many // 2
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if is_enough(middle) else (middle, many)
    return many


def _over(difference: float, spread: float) -> float | None:
    return difference / spread if spread > 1e-12 * max(1.0, abs(difference)) else None
