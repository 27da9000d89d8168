"""Bandit: which skill suits a task, or whether to go by hand, learnt from what came of earlier choices.

Linear Thompson sampling (Agrawal and Goyal 2013, Algorithm 1) with two levels: what a skill earns on a task
is a linear function of the task's features, the environment's own function plus the skill's deviation from
it. The deviations are shrunk towards none, so that what one skill shows about a kind of task is believed of
the others until they show otherwise. A new skill begins with its verification: as many tasks of the average
kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from practicum.skills.features import Moments, Vector, Vocabulary

BY_HAND = ""
"""The arm of whoever uses no skill."""
PRICE = 0.1
"""What the first decision costs, in successes; further ones cost less and less, all of them less than one."""
STOPPED = 0.5
"""What a stop of a skill earns where nobody has gone on by hand from it yet."""
NOISE, NOISE_SEEN = 0.2, 10
"""Standard deviation of what is earned around what was to be expected, before anything was seen; as sure as
after so many sessions."""
SPREAD = (0.5, 0.3)
"""Standard deviations of the environment's own level and slopes, before anything was seen."""
DEVIATION = (0.3, 0.05)
"""Those of a skill's level and slopes around the environment's."""
EXPECTED = 0.5
"""What is expected before anything was seen."""
LEAST_CONTROL = 0.02
"""Share of sessions in which the control group goes by hand, however many there were."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What verification counted of a skill."""

    hits: int = 0
    misses: int = 0

    @property
    def earned(self) -> float:
        """What that many tasks earned: one decision where the skill did them, a stop otherwise."""
        return self.hits * (1 - PRICE) + self.misses * STOPPED


def reward(*, success: bool, decisions: int) -> float:
    """What a session earned: its success less a small price for each decision, always less than a success."""
    return float(success) - (1 - (1 - PRICE) ** decisions)


def control_share(number: int) -> float:
    """The share of the control group at a principal's session of that number in an environment, from 1."""
    return max(LEAST_CONTROL, 1 / math.sqrt(number))


class Bandit:
    """What is known of the skills of one environment and of going by hand.

    A cache: learning from the same sessions again, in whatever order, makes it anew but for rounding.
    """

    def __init__(
        self, vocabulary: Vocabulary | None = None, moments: Mapping[str, Moments] | None = None
    ) -> None:
        self.vocabulary = vocabulary or Vocabulary()
        self.moments = dict(moments or {})
        self._posterior: tuple[Mapping[str, Verified], _Posterior] | None = None

    def learn(self, params: Mapping[str, Any], arm: str, earned: float) -> None:
        """Take in what an arm earned on the task of these parameters."""
        gone = self.vocabulary.meet(params)
        if gone:
            for known in self.moments.values():
                known.drop(gone)
        self.moments.setdefault(arm, Moments()).add(self.vocabulary.vector(params), earned)
        self._posterior = None

    def draw(
        self, random: np.random.Generator, params: Mapping[str, Any], arms: Mapping[str, Verified]
    ) -> str:
        """Draw an arm as often as it is the best one, by what is known (Thompson 1933).

        Args:
            random: of the draw.
            params: of the task.
            arms: the skills to choose from with their verification, in any order; by hand is always one.
        """
        posterior = self._at(arms)
        scores = posterior.drawn(random, self.vocabulary.vector(params))
        return max(scores, key=lambda arm: scores[arm])

    def expected(self, params: Mapping[str, Any], arms: Mapping[str, Verified]) -> dict[str, float]:
        """What each arm is expected to earn on a task."""
        return self._at(arms).means(self.vocabulary.vector(params))

    def noise(self, arms: Mapping[str, Verified]) -> float:
        """Standard deviation of what is earned around what was to be expected, as far as was seen."""
        return self._at(arms).noise

    def _at(self, arms: Mapping[str, Verified]) -> _Posterior:
        arms = {BY_HAND: Verified(), **{name: arms[name] for name in sorted(arms)}}
        if self._posterior is None or self._posterior[0] != arms:
            self._posterior = (arms, _Posterior(self, arms))
        return self._posterior[1]

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        moments = {arm: self.moments[arm].as_json() for arm in sorted(self.moments)}
        return {"vocabulary": self.vocabulary.as_json(), "arms": moments}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Bandit:
        """Read what `as_json` wrote."""
        moments = {arm: Moments.from_json(each) for arm, each in record["arms"].items()}
        return cls(Vocabulary.from_json(record["vocabulary"]), moments)


class _Posterior:
    """The two levels given all that was seen; the environment's weights are drawn first, then the skills'.

    The noise is what is left over by the weights that are most likely under the noise to begin with.
    """

    def __init__(self, bandit: Bandit, arms: Mapping[str, Verified]) -> None:
        self._into = _Centring(bandit)
        self.noise = NOISE
        self._fit(bandit, arms)
        self.noise = self._left_over(bandit)
        self._fit(bandit, arms)

    def _left_over(self, bandit: Bandit) -> float:
        squares, count = NOISE_SEEN * NOISE**2, float(NOISE_SEEN)
        for name, known in sorted(bandit.moments.items()):
            products, earned = self._into.sums(known)
            weights = self._weights(name)
            squares += max(0.0, float(known.squares - 2 * weights @ earned + weights @ products @ weights))
            count += known.count
        return math.sqrt(squares / count)

    def _fit(self, bandit: Bandit, arms: Mapping[str, Verified]) -> None:
        size = self._into.size
        own = _precision(DEVIATION, size)
        precision = _precision(SPREAD, size)
        pull = precision[:, 0] * EXPECTED
        self._arms: dict[str, tuple[Vector, Vector, Vector]] = {}
        for name in sorted({**bandit.moments, **arms}):
            products, earned = self._evidence(bandit.moments.get(name), arms.get(name, Verified()))
            covariance = _inverse(products + own)
            precision = precision + own - own @ covariance @ own
            pull = pull + own @ covariance @ earned
            self._arms[name] = (covariance, covariance @ earned, covariance @ products)
        covariance = _inverse(precision)
        self._mean = covariance @ pull
        self._root = np.linalg.cholesky((covariance + covariance.T) / 2)
        self._choices = tuple(sorted(arms))

    def _evidence(self, known: Moments | None, verified: Verified) -> tuple[Vector, Vector]:
        """Sums of products and of earnings over what was seen and verified, in units of the noise."""
        products, earned = self._into.sums(known or Moments())
        products[0, 0] += verified.hits + verified.misses
        earned[0] += verified.earned
        return products / self.noise**2, earned / self.noise**2

    def _weights(self, name: str) -> Vector:
        _, level, shrinking = self._arms[name]
        weights: Vector = self._mean + level - shrinking @ self._mean
        return weights

    def drawn(self, random: np.random.Generator, vector: Vector) -> dict[str, float]:
        """What each arm would earn, in one draw from what is believed."""
        task = self._into.centred(vector)
        weights = self._mean + self._root @ random.standard_normal(len(self._mean))
        return {
            name: score
            + math.sqrt(max(0.0, float(task @ self._arms[name][0] @ task))) * random.standard_normal()
            for name, score in self._scores(task, weights).items()
        }

    def means(self, vector: Vector) -> dict[str, float]:
        """What each arm would earn, on the average of what is believed."""
        return self._scores(self._into.centred(vector), self._mean)

    def _scores(self, task: Vector, weights: Vector) -> dict[str, float]:
        return {
            name: float(task @ (weights + level - shrinking @ weights))
            for name, (_, level, shrinking) in self._arms.items()
            if name in self._choices
        }


class _Centring:
    """Features around the average task, in which a level means something.

    Sizes are divided by twice their standard deviation, so that they compare with zeros and ones (Gelman
    2008, Scaling regression inputs by dividing by two standard deviations).
    """

    def __init__(self, bandit: Bandit) -> None:
        width = len(bandit.vocabulary.columns)
        for known in bandit.moments.values():
            known.fit(width)
        known_products = [bandit.moments[arm].products for arm in sorted(bandit.moments)]
        total = sum(known_products, np.zeros((width, width)))
        count = max(total[0, 0], 1.0)
        mean = total[0] / count
        variance = np.diag(total) / count - mean**2
        varied = variance > _NO_VARIANCE * (1 + mean**2)
        kept = [place for place in bandit.vocabulary.used() if place == 0 or varied[place]]
        scale = np.ones(width)
        sizes = [place for place in bandit.vocabulary.sizes() if varied[place]]
        scale[sizes] = 0.5 / np.sqrt(variance[sizes])
        matrix = np.diag(scale)
        matrix[1:, 0] -= (scale * mean)[1:]
        self._matrix = matrix[kept]
        self.size = len(kept)

    def centred(self, vector: Vector) -> Vector:
        """A task's features, around the average."""
        return self._matrix @ vector

    def sums(self, known: Moments) -> tuple[Vector, Vector]:
        """Sums of products and of earnings over what was seen, around the average."""
        known.fit(self._matrix.shape[1])
        return self._matrix @ known.products @ self._matrix.T, self._matrix @ known.earned


_NO_VARIANCE = 1e-8
"""Of what varies less, in relation to its mean, rounding leaves nothing."""


def _precision(deviations: tuple[float, float], size: int) -> Vector:
    level, slopes = deviations
    return np.diag([level**-2] + [slopes**-2] * (size - 1))


def _inverse(matrix: Vector) -> Vector:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)
