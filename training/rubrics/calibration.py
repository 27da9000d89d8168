"""Calibration: what a judge's score means in the eyes of people, fitted to steps that both have seen.

The fit is isotonic: the judge's order is kept, only its scale is bent. How well judge and people agree is
told before and after; what is told of after is from fits that have not seen the session in question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from practicum.envs.errors import UsageError
from practicum.memory import Log, Store
from practicum.memory.events import newest_event
from practicum.memory.ratings import BEST, WORST, JudgedRating

LEAST = 10
"""Steps that must have been seen by both."""
FOLDS = 5
CALIBRATED = "calibrated"
"""The kind of event that keeps a calibration."""


@dataclass(frozen=True)
class Calibration:
    """A rising curve from a judge's scores to people's, both from 0 to 1, straight between its points."""

    judge: str
    """Version of the judge that it is for."""
    scores: tuple[float, ...]
    people: tuple[float, ...]

    @property
    def version(self) -> str:
        """Of scores that are made by it."""
        text = json.dumps([self.judge, self.scores, self.people])
        return f"calibrated-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def of(self, score: float) -> float:
        """What people would say where the judge gives this score."""
        return float(np.interp(score, self.scores, self.people))

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {"judge": self.judge, "scores": list(self.scores), "people": list(self.people)}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a judge and people agree on the same steps."""

    kappa: float | None
    """Cohen's kappa over the five ratings; None where both always say the same one."""
    weighted_kappa: float | None
    """The same with quadratic weights, which count how far two ratings are apart."""
    spearman: float | None
    """Rank correlation; None where one of them always says the same."""
    mean_error: float
    """Mean distance, in points of the rating."""


@dataclass(frozen=True)
class Calibrated:
    """A fit and what it brought."""

    calibration: Calibration
    steps: int
    sessions: int
    before: Agreement
    after: Agreement
    """By cross-validation over sessions."""
    pairs: tuple[tuple[float, float], ...]
    """The judge's score and people's, each from 0 to 1."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        sides = {"before": self.before, "after": self.after}
        told = {
            side: {name: getattr(found, name) for name in Agreement.__slots__}
            for side, found in sides.items()
        }
        counts = {"steps": self.steps, "sessions": self.sessions}
        return {**counts, **told, "calibration": self.calibration.as_json()}


def calibrate(judge: str, rated: Iterable[JudgedRating]) -> Calibrated:
    """Fit a judge to people.

    Args:
        judge: its version.
        rated: steps that both have seen.

    Raises:
        UsageError: there are too few, or scipy is not installed.
    """
    seen = list(rated)
    if len(seen) < LEAST:
        raise UsageError(
            f"{len(seen)} steps are rated by people and scored by {judge}; calibration needs {LEAST}"
        )
    scores = np.array([each.judged for each in seen])
    people = np.array([(each.rating - WORST) / (BEST - WORST) for each in seen])
    sessions = [each.session for each in seen]
    held_out = _cross_validated(scores, people, sessions)
    return Calibrated(
        calibration=Calibration(judge, *_fitted(scores, people)),
        steps=len(seen),
        sessions=len(set(sessions)),
        before=agreement(scores, people),
        after=agreement(held_out, people),
        pairs=tuple(zip(scores.tolist(), people.tolist(), strict=True)),
    )


def _fitted(scores: Any, people: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The points of the isotonic least-squares fit, equal scores taken together."""
    try:
        from scipy.optimize import isotonic_regression
    except ImportError:
        raise UsageError("calibration needs scipy; pip install 'practicum[eval]'") from None
    places, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=people) / counts
    curve = isotonic_regression(means, weights=counts)
    return tuple(places.tolist()), tuple(curve.x.tolist())


def _cross_validated(scores: Any, people: Any, sessions: Sequence[str]) -> Any:
    """What fits that have not seen a step's session make of its score; of one session, not the step."""
    groups = sessions if len(set(sessions)) > 1 else [str(place) for place in range(len(sessions))]
    fold_of = {name: place % FOLDS for place, name in enumerate(dict.fromkeys(groups))}
    folds = np.array([fold_of[name] for name in groups])
    made = np.empty_like(scores)
    for fold in set(folds.tolist()):
        made[folds == fold] = np.interp(
            scores[folds == fold], *_fitted(scores[folds != fold], people[folds != fold])
        )
    return made


def agreement(judged: Any, people: Any) -> Agreement:
    """How well two rows of scores from 0 to 1 agree.

    Raises:
        UsageError: scipy is not installed.
    """
    one, other = _levels(judged), _levels(people)
    return Agreement(
        kappa=kappa(one, other),
        weighted_kappa=kappa(one, other, quadratic=True),
        spearman=_spearman(judged, people),
        mean_error=round((BEST - WORST) * fmean(np.abs(judged - people).tolist()), 6),
    )


def _levels(scores: Any) -> list[int]:
    return [int(level) for level in np.floor(WORST + scores * (BEST - WORST) + 0.5)]


def kappa(one: Sequence[int], other: Sequence[int], *, quadratic: bool = False) -> float | None:
    """Cohen's kappa of two raters over the ratings 1 to 5 (Cohen 1960; with quadratic weights, 1968).

    Returns:
        1 for full agreement, 0 for as much as by chance; None where chance would agree always.
    """
    size = BEST - WORST + 1
    table = np.zeros((size, size))
    for first, second in zip(one, other, strict=True):
        table[first - WORST, second - WORST] += 1
    table /= table.sum()
    apart = np.subtract.outer(np.arange(size), np.arange(size))
    cost = apart**2 if quadratic else (apart != 0).astype(float)
    by_chance = np.outer(table.sum(axis=1), table.sum(axis=0))
    expected = float((cost * by_chance).sum())
    return None if not expected else round(1 - float((cost * table).sum()) / expected, 6)


def _spearman(one: Any, other: Any) -> float | None:
    if len(set(one.tolist())) < 2 or len(set(other.tolist())) < 2:
        return None
    try:
        from scipy.stats import spearmanr
    except ImportError:
        raise UsageError("calibration needs scipy; pip install 'practicum[eval]'") from None
    return round(float(spearmanr(one, other).statistic), 6)


def keep_calibration(store: Store, calibration: Calibration) -> None:
    """Keep a calibration in the log; the newest one is used.

    Raises:
        LogUnavailable: it could not be written.
    """
    Log(store).event(CALIBRATED, calibration.as_json())


def newest_calibration(store: Store) -> Calibration | None:
    """The calibration that was kept last; None where there is none."""
    found: Mapping[str, Any] | None = newest_event(store, CALIBRATED)
    if found is None:
        return None
    return Calibration(found["judge"], tuple(found["scores"]), tuple(found["people"]))
