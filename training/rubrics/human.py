"""Human: what people say of steps as scores, and what they would probably say where a judge has spoken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from practicum.memory.ratings import BEST, WORST, MeanRating
from practicum.memory.scores import StepScore
from practicum.training.rubrics.calibration import Calibration
from practicum.training.rubrics.weights import RATING


def human_scores(
    ratings: Sequence[MeanRating], judged: Iterable[StepScore], calibration: Calibration | None = None
) -> list[StepScore]:
    """The scores of the layer `human` for a session.

    Args:
        ratings: what people say of its steps.
        judged: the judge's scores of its steps.
        calibration: what a judge's score means in the eyes of people; of steps that nobody has rated nothing
            is said without it.
    """
    rated = [
        StepScore(
            each.turn, RATING, "human", f"people-{each.number}", as_score(each.rating), why=_people(each)
        )
        for each in ratings
    ]
    if calibration is None:
        return rated
    said = {each.turn for each in rated}
    by_turn: dict[int, list[float]] = {}
    for row in judged:
        if row.version == calibration.judge and row.turn not in said:
            by_turn.setdefault(row.turn, []).append(row.score)
    foretold = [
        StepScore(
            turn, RATING, "human", calibration.version, calibration.of(fmean(scores)), why="as calibrated"
        )
        for turn, scores in by_turn.items()
    ]
    return sorted([*rated, *foretold], key=lambda row: row.turn)


def as_score(rating: float) -> float:
    """A rating from 1 to 5 as a score from 0 to 1."""
    return (rating - WORST) / (BEST - WORST)


def _people(rating: MeanRating) -> str:
    who = "1 person" if rating.people == 1 else f"{rating.people} people"
    return f"{rating.rating:g} of {BEST} by {who}"
