"""Evidence: when a skill has shown that it works, and when it has shown that it no longer does.

Every number here is an e-value: under its null its expectation is at most 1, so that 20 is reached with
probability 1/20 at most. It may be looked at after every use.

Sources: Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic statistics and safe anytime-valid inference",
Statistical Science 38 (2023): mixtures of likelihood ratios, Ville's inequality. Shin, Ramdas and Rinaldo,
"E-detectors: a nonparametric framework for sequential change detection", New England Journal of Statistics in
Data Science 2 (2024): sums over all beginnings of a change, and mixtures of them over alternatives.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

BOUNDARY = 0.8
"""The chance of success at which a skill is neither good enough nor bad enough."""
ENOUGH = 20.0
"""The e-value that decides: reached without cause with probability 1/20 at most."""
HORIZON = 1000
"""Uses over which a false retirement has probability 1/20 at most."""
ALTERNATIVES = ((0.2, 0.6), (0.4, 0.2), (0.6, 0.2))
"""Chances of success after a break that the detector looks for, and their weights, which sum to 1."""
LARGEST = 1e300
"""Evidence beyond is not told apart; it has a form in JSON."""
SHARE_OF_PROCESS = 0.2
"""What a watch stakes on a skill that was never good; the rest is on a skill that breaks."""


def e_value(hits: int, misses: int) -> float:
    """Evidence against "the chance of success is at most `BOUNDARY`", as skills are published on.

    It is the mean over p uniform in (.8, 1] of (p/.8)^hits ((1-p)/.2)^misses, a test supermartingale as long
    as no use has a chance above .8 given those before it. The order of the uses does not matter.
    """
    return _mean_ratio(misses, hits, 1 - BOUNDARY)


def _mean_ratio(a: int, b: int, x: float) -> float:
    """Mean over u uniform in (0, x] of (u/x)^a ((1-u)/(1-x))^b.

    That is B(a+1, b+1) I_x(a+1, b+1) / (x^(a+1) (1-x)^b), of which the continued fraction of the incomplete
    beta function (Abramowitz and Stegun 26.5.8) leaves (1-x) fraction / (a+1) where it converges fast.
    """
    if x < (a + 2) / (a + b + 4):
        return (1 - x) * _fraction(a + 1, b + 1, x) / (a + 1)
    log_whole = math.lgamma(a + 1) + math.lgamma(b + 1) - math.lgamma(a + b + 2)
    log_whole -= (a + 1) * math.log(x) + b * math.log1p(-x)
    beyond = (1 - x) * _fraction(b + 1, a + 1, 1 - x) / (b + 1)
    return min(math.exp(min(log_whole, 700.0)), LARGEST) - beyond


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction by Lentz's method (Numerical Recipes, 3rd edition, 6.4)."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / ((1.0 - (a + b) * x / (a + 1)) or tiny)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / ((1.0 + term * d) or tiny)
            c = (1.0 + term / c) or tiny
            value *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return value


@dataclass(frozen=True, slots=True)
class EProcess:
    """Evidence that a skill was never good: against "every use has a chance of at least `BOUNDARY`".

    The mean over p uniform in [0, .8) of (p/.8)^hits ((1-p)/.2)^misses. Quick with a skill that is bad from
    the beginning; of an old one that breaks it notices little, since its hits still count.
    """

    hits: int = 0
    misses: int = 0

    def after(self, success: bool) -> EProcess:
        """With one use more."""
        return EProcess(self.hits + success, self.misses + (not success))

    @property
    def value(self) -> float:
        """The e-value of all uses."""
        return _mean_ratio(self.hits, self.misses, BOUNDARY)

    @property
    def broken(self) -> bool:
        """Whether it is enough to retire the skill: without cause with probability 1/20 at most, for ever."""
        return self.value >= ENOUGH


@dataclass(frozen=True, slots=True)
class EDetector:
    """Evidence that a skill has stopped being good: against "every use has a chance of at least `BOUNDARY`".

    The Shiryaev-Roberts e-detector: for each alternative q the sum, over every use at which a break to q can
    have come, of the likelihood ratio since then; S becomes (S + 1) L with each use. The sums less the number
    of uses are supermartingales, so that the mean number of uses until a sum of c is at least c, and the
    probability to reach it within n uses at most n/c (Markov's inequality at the first of both).
    """

    sums: tuple[float, ...] = (0.0,) * len(ALTERNATIVES)
    """One for each of `ALTERNATIVES`."""

    def after(self, success: bool) -> EDetector:
        """With one use more."""
        ratios = (q / BOUNDARY if success else (1 - q) / (1 - BOUNDARY) for q, _ in ALTERNATIVES)
        sums = (min((s + 1) * ratio, LARGEST) for s, ratio in zip(self.sums, ratios, strict=True))
        return EDetector(tuple(sums))

    @property
    def value(self) -> float:
        """The weighted sum over `HORIZON`: its expectation is at most 1 until then."""
        weighted = (weight * s for s, (_, weight) in zip(self.sums, ALTERNATIVES, strict=True))
        return sum(weighted) / HORIZON

    @property
    def broken(self) -> bool:
        """Whether it is enough to retire the skill: without cause in one of 20 stretches of `HORIZON`."""
        return self.value >= ENOUGH


@dataclass(frozen=True, slots=True)
class Watch:
    """What is kept of a published skill's uses: whether it was never good, or has stopped being so.

    The weighted mean of an e-process and an e-detector, so that both together raise a false alarm with
    probability 1/20 at most in `HORIZON` uses, at a chance of success of `BOUNDARY`; above it with less.
    """

    process: EProcess = EProcess()
    detector: EDetector = EDetector()

    def after(self, success: bool) -> Watch:
        """With one use more."""
        return Watch(self.process.after(success), self.detector.after(success))

    @classmethod
    def of(cls, uses: Iterable[bool]) -> Watch:
        """The watch after uses in their order."""
        watch = cls()
        for success in uses:
            watch = watch.after(success)
        return watch

    @property
    def value(self) -> float:
        """The evidence that the skill should go."""
        return SHARE_OF_PROCESS * self.process.value + (1 - SHARE_OF_PROCESS) * self.detector.value

    @property
    def broken(self) -> bool:
        """Whether it is enough to take the skill out of use."""
        return self.value >= ENOUGH

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {**asdict(self.process), "sums": list(self.detector.sums)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Watch:
        """Read what `as_json` wrote."""
        process = EProcess(record["hits"], record["misses"])
        return cls(process, EDetector(tuple(float(s) for s in record["sums"])))
