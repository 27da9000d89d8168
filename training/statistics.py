"""Statistics: whether two samples differ by more than chance, in numpy alone.

scipy knows the same tests, and the tests of this file hold it against scipy; evaluation does not need it, so
that it says the same wherever it runs. A test that has nothing to say gives a remark instead of a p-value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practicum.training.distributions import binomial_p, normal_above, student_p

Floats = NDArray[np.float64]
Sample = Sequence[float]

DRAWS = 10_000
"""Permutations that are drawn where there are too many to go through."""
MOST_EXACT = 20_000
"""Permutations that are gone through one by one."""
FEW = 8
"""With so many on one side, and no ties, Mann and Whitney's p-value is counted exactly, as scipy does."""
MOST_COUNTED = 200_000
"""The largest U for which it is counted."""
NOISE = 1e-12
"""What is smaller than this share of the largest value comes of rounding."""
_CELLS = 4_000_000
"""Numbers that are drawn at a time, so that memory stays bounded."""

NO_NUMBER = "a value is no finite number"
NOTHING = "there is nothing to compare"
TOO_FEW = "one value has no spread; two are needed"
ALIKE = "all values are alike, so there is no spread to measure by"
ALIKE_PAIRS = "all pairs differ by the same, so there is no spread to measure by"
NOT_BINARY = "McNemar's test is for pairs of 0 and 1, one try each"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a test says of two samples."""

    n: int
    """Observations that it rests on: pairs, or both samples together."""
    statistic: float | None = None
    p: float | None = None
    """How often chance alone does as much or more, in either direction; None where the test says nothing."""
    remark: str = ""
    """Why it says nothing."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return asdict(self)


def paired_t(one: Sample, two: Sample) -> Finding:
    """Student's t-test of the differences within pairs (Student 1908); the statistic is t."""
    a, b = _arrays(one, two)
    n = _pairs(a, b)
    if remark := _unfit(a, b, least=2):
        return Finding(n, remark=remark)
    differences, floor = _differences(a, b)
    spread = float(differences.std(ddof=1))
    if spread <= floor:
        return Finding(n, remark=ALIKE_PAIRS)
    t = float(differences.mean()) / (spread / sqrt(n))
    return Finding(n, t, student_p(t, n - 1))


def welch(one: Sample, two: Sample) -> Finding:
    """Welch's t-test of two means, whatever the variances (Welch 1947); the statistic is t."""
    a, b = _arrays(one, two)
    n = len(a) + len(b)
    if remark := _unfit(a, b, least=2):
        return Finding(n, remark=remark)
    scale = _scale(a, b)
    a, b = a / scale, b / scale
    parts = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    if parts.sum() <= NOISE**2:
        return Finding(n, remark=ALIKE)
    t = float((a.mean() - b.mean()) / sqrt(parts.sum()))
    freedom = parts.sum() ** 2 / (parts**2 / [len(a) - 1, len(b) - 1]).sum()
    return Finding(n, t, student_p(t, float(freedom)))


def mann_whitney(one: Sample, two: Sample) -> Finding:
    """The rank test of two samples (Mann and Whitney 1947); the statistic is U of the first.

    Exact where one sample has at most `FEW` values and none are equal; else by the normal distribution, with
    corrections for ties and continuity.
    """
    a, b = _arrays(one, two)
    n = len(a) + len(b)
    if remark := _unfit(a, b):
        return Finding(n, remark=remark)
    ranks, ties = _ranks(np.concatenate([a, b]))
    u = float(ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2)
    larger = max(u, len(a) * len(b) - u)
    if min(len(a), len(b)) <= FEW and ties.max() == 1 and len(a) * len(b) <= MOST_COUNTED:
        return Finding(n, u, min(1.0, 2 * _u_at_least(int(larger), len(a), len(b))))
    variance = len(a) * len(b) / 12 * (n + 1 - float((ties**3 - ties).sum()) / (n * (n - 1)))
    if variance <= 0:
        return Finding(n, u, 1.0)
    z = (larger - len(a) * len(b) / 2 - 0.5) / sqrt(variance)
    return Finding(n, u, min(1.0, 2 * normal_above(z)))


def mcnemar(one: Sample, two: Sample) -> Finding:
    """McNemar's exact test of pairs of 0 and 1 (McNemar 1947); the statistic counts pairs (1, 0)."""
    a, b = _arrays(one, two)
    n = _pairs(a, b)
    if remark := _unfit(a, b):
        return Finding(n, remark=remark)
    if not np.isin(np.concatenate([a, b]), (0.0, 1.0)).all():
        return Finding(n, remark=NOT_BINARY)
    first_only, second_only = int((a > b).sum()), int((a < b).sum())
    return Finding(n, first_only, binomial_p(first_only, first_only + second_only))


def paired_permutation(one: Sample, two: Sample, *, seed: int = 0, draws: int = DRAWS) -> Finding:
    """Exchange the two values of some pairs, in every way or in drawn ones (Fisher 1935).

    The statistic is the mean difference. The p-value is exact for up to 14 pairs that differ and where all
    differ by as much, as those of 0 and 1 do, of which this is McNemar's test; else `draws` are drawn.
    """
    a, b = _arrays(one, two)
    n = _pairs(a, b)
    if remark := _unfit(a, b):
        return Finding(n, remark=remark)
    differences, floor = _differences(a, b)
    observed = float(differences.mean()) * _scale(a, b)
    differing = differences[np.abs(differences) > floor]
    if not len(differing):
        return Finding(n, observed, 1.0)
    sizes = np.sort(np.abs(differing))  # whoever is the first, the same numbers are drawn
    if np.ptp(sizes) <= floor:
        return Finding(n, observed, binomial_p(int((differing > 0).sum()), len(differing)))
    exact = 2 ** len(sizes) <= MOST_EXACT
    signs = _every_sign(len(sizes)) if exact else _drawn_signs(len(sizes), seed, draws)
    sums = np.concatenate([part @ sizes for part in signs])
    return Finding(n, observed, _two_sided(sums, abs(float(differing.sum())), exact=exact))


def permutation(one: Sample, two: Sample, *, seed: int = 0, draws: int = DRAWS) -> Finding:
    """Deal the values of both samples anew, in every way or in drawn ones (Fisher 1935, Pitman 1937).

    The statistic is the difference of the means. The p-value is exact where there are at most `MOST_EXACT`
    ways; else `draws` are drawn.
    """
    a, b = _arrays(one, two)
    n = len(a) + len(b)
    if remark := _unfit(a, b):
        return Finding(n, remark=remark)
    first, second = sorted([np.sort(a), np.sort(b)], key=lambda sample: (len(sample), sample.tolist()))
    pooled = np.sort(np.concatenate([first, second])) / _scale(a, b)
    observed = float((a / len(a)).sum() - (b / len(b)).sum())
    exact = comb(n, len(first)) <= MOST_EXACT
    dealt = _every_hand(n, len(first)) if exact else _drawn_hands(n, len(first), seed, draws)
    sums = np.concatenate([part.astype(np.float64) @ pooled for part in _in_parts(dealt)])
    return Finding(n, observed, _two_sided(sums, float((first / _scale(a, b)).sum()), exact=exact))


def bonferroni(ps: Sequence[float | None]) -> list[float | None]:
    """The p-values times their number (Dunn 1961), at most 1; those that are None stay and do not count."""
    count = sum(p is not None for p in ps)
    return [None if p is None else min(1.0, p * count) for p in ps]


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """The p-values corrected step by step, the smallest by most (Holm 1979); None as in `bonferroni`."""
    found: list[float | None] = [None] * len(ps)
    known = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        found[place] = largest
    return found


def _arrays(one: Sample, two: Sample) -> tuple[Floats, Floats]:
    return np.asarray(one, dtype=np.float64), np.asarray(two, dtype=np.float64)


def _pairs(a: Floats, b: Floats) -> int:
    if len(a) != len(b):
        raise ValueError(f"pairs need two values each; there are {len(a)} and {len(b)}")
    return len(a)


def _unfit(a: Floats, b: Floats, least: int = 1) -> str:
    """Why a test says nothing of two samples; empty where it does."""
    if not len(a) or not len(b):
        return NOTHING
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return NO_NUMBER
    return TOO_FEW if min(len(a), len(b)) < least else ""


def _scale(a: Floats, b: Floats) -> float:
    """What the values are divided by, so that no square of them is too large or too small for a number."""
    return float(max(np.abs(a).max(), np.abs(b).max())) or 1.0


def _differences(a: Floats, b: Floats) -> tuple[Floats, float]:
    """The differences within pairs of values that are at most 1, and what of them comes of rounding."""
    scale = _scale(a, b)
    return a / scale - b / scale, NOISE


def _ranks(values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The rank of each value, equal ones sharing theirs, and how many share each."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared = counts.cumsum() - (counts - 1) / 2
    ranks: Floats = shared[places]
    return ranks, counts


@lru_cache(maxsize=64)
def _ways(n: int, m: int) -> tuple[int, ...]:
    """In how many orders of `n` and `m` values U is 0, 1, 2, … (the Gaussian binomial coefficient)."""
    few, many = sorted((n, m))
    counts = [1] + [0] * (n * m)
    for step in range(1, few + 1):
        for u in range(n * m, many + step - 1, -1):
            counts[u] -= counts[u - many - step]
        for u in range(step, n * m + 1):
            counts[u] += counts[u - step]
    return tuple(counts)


def _u_at_least(u: int, n: int, m: int) -> float:
    return sum(_ways(n, m)[u:]) / comb(n + m, n)


def _two_sided(null: Floats, observed: float, *, exact: bool) -> float:
    """Twice the smaller tail; of drawn ones the observed one is one more (Phipson and Smyth 2010)."""
    slack = NOISE * max(1.0, abs(observed))
    below, above = int((null <= observed + slack).sum()), int((null >= observed - slack).sum())
    more = 0 if exact else 1
    return min(1.0, 2 * (min(below, above) + more) / (len(null) + more))


def _every_sign(n: int) -> Iterator[Floats]:
    bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
    yield 1.0 - 2.0 * bits.astype(np.float64)


def _drawn_signs(n: int, seed: int, draws: int) -> Iterator[Floats]:
    random = np.random.default_rng(seed)
    for count in _batches(draws, n):
        yield 1.0 - 2.0 * random.integers(0, 2, size=(count, n), dtype=np.int8).astype(np.float64)


def _every_hand(n: int, size: int) -> NDArray[np.bool_]:
    hands = np.array(list(combinations(range(n), size)))
    dealt = np.zeros((len(hands), n), dtype=np.bool_)
    np.put_along_axis(dealt, hands, values=True, axis=1)
    return dealt


@lru_cache(maxsize=2)
def _drawn_hands(n: int, size: int, seed: int, draws: int) -> NDArray[np.bool_]:
    """Which of `n` values fall to the first sample in each deal; kept, as many figures have as many."""
    random = np.random.default_rng(seed)
    dealt = np.zeros((draws, n), dtype=np.bool_)
    done = 0
    for count in _batches(draws, n):
        keys = random.random((count, n), dtype=np.float32)
        hands = np.argpartition(keys, size - 1, axis=1)[:, :size]
        np.put_along_axis(dealt[done : done + count], hands, values=True, axis=1)
        done += count
    return dealt


def _in_parts(dealt: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    done = 0
    for count in _batches(*dealt.shape):
        yield dealt[done : done + count]
        done += count


def _batches(rows: int, columns: int) -> Iterator[int]:
    at_a_time = max(1, _CELLS // columns)
    for first in range(0, rows, at_a_time):
        yield min(at_a_time, rows - first)


PAIRED: dict[str, Callable[[Sample, Sample], Finding]] = {
    "permutation": paired_permutation,
    "paired_t": paired_t,
    "mcnemar": mcnemar,
}
"""Tests of what two have on the same tasks, the one first that others are told by."""
UNPAIRED: dict[str, Callable[[Sample, Sample], Finding]] = {
    "welch": welch,
    "mann_whitney": mann_whitney,
    "unpaired_permutation": permutation,
}
"""Tests of what two have on tasks of their own."""
