"""Bootstrap: how sure a figure is, by drawing the tasks again (BCa intervals, Efron 1987)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 4_000
CONFIDENCE = 0.95
_NORMAL = NormalDist()
_CELLS = 4_000_000
"""Numbers that are drawn at a time, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval."""

    value: float
    low: float
    high: float
    """Where the interval ends; `low` equals it where all observations are alike: rare cases are not seen."""
    n: int
    """How many observations it rests on."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return asdict(self)


def mean(
    values: Sequence[float], *, seed: int = 0, draws: int = DRAWS, confidence: float = CONFIDENCE
) -> Estimate | None:
    """The mean with its interval; None where there are no values."""
    return ratio(values, [1.0] * len(values), seed=seed, draws=draws, confidence=confidence)


def ratio(
    parts: Sequence[float],
    wholes: Sequence[float],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
) -> Estimate | None:
    """A sum over another one, of pairs that are drawn together, with its interval; None where there is none.

    Args:
        parts: one for each observation.
        wholes: as many, none below 0.
        seed: of the draws; equal arguments give equal intervals.
        draws: how many.
        confidence: how often such an interval holds the truth, between 0 and 1.
    """
    pairs = np.array([parts, wholes], dtype=np.float64).T
    if not len(pairs) or not pairs[:, 1].sum():
        return None
    value = float(pairs[:, 0].sum() / pairs[:, 1].sum())
    drawn = _drawn(pairs, np.random.default_rng(seed), draws)
    left_out = _quotients(pairs.sum(axis=0) - pairs)
    low, high = _interval(value, drawn[np.isfinite(drawn)], left_out[np.isfinite(left_out)], confidence)
    return Estimate(value, low, high, len(pairs))


def _drawn(pairs: Floats, random: np.random.Generator, draws: int) -> Floats:
    """The ratio in each draw of as many pairs, with replacement."""
    at_a_time = max(1, _CELLS // len(pairs))
    columns = pairs.T.copy()  # each in one piece, which is read several times as fast
    found = []
    for first in range(0, draws, at_a_time):
        places = random.integers(len(pairs), size=(min(at_a_time, draws - first), len(pairs)))
        found.append(_quotients(np.column_stack([column[places].sum(axis=1) for column in columns])))
    return np.concatenate(found)


def _quotients(sums: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        quotients: Floats = sums[:, 0] / sums[:, 1]
    return quotients


def _interval(value: float, drawn: Floats, left_out: Floats, confidence: float) -> tuple[float, float]:
    """The BCa interval (Efron and Tibshirani 1993, equations 14.9 to 14.15)."""
    if not len(drawn) or np.ptp(drawn) == 0:
        return value, value
    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    bias = _NORMAL.inv_cdf(min(max(float(below), 0.5 / len(drawn)), 1 - 0.5 / len(drawn)))
    acceleration = _acceleration(left_out)
    ends = ((1 - confidence) / 2, (1 + confidence) / 2)
    places = [_adjusted(_NORMAL.inv_cdf(end), bias, acceleration) for end in ends]
    low, high = np.quantile(drawn, places)
    return float(low), float(high)


def _acceleration(left_out: Floats) -> float:
    away = left_out.mean() - left_out if len(left_out) else np.zeros(1)
    farthest = np.abs(away).max()
    if not farthest:
        return 0.0
    away = away / farthest
    return float(np.sum(away**3) / (6 * np.sum(away**2) ** 1.5))


def _adjusted(z: float, bias: float, acceleration: float) -> float:
    moved = bias + z
    denominator = 1 - acceleration * moved
    if denominator <= 0 or not math.isfinite(moved):
        return 1.0 if z > 0 else 0.0
    return _NORMAL.cdf(bias + moved / denominator)
