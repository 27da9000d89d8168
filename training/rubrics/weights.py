"""Weights: what a step, and a session, is worth by all its rubrics together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from practicum.memory.scores import Layer
from practicum.training.rubrics.prompts import JUDGED

RATING = "rating"
"""The rubric of what people say of a step; it stands for those that a judge would have scored."""
EFFICIENCY_SHARE = 1 / 6
"""Of efficiency in an overall score; the rest is the process reward (source: knowlyr-gym, 0.1 to 0.5)."""

ByLayer = Mapping[Layer, Mapping[str, float]]
"""The scores of a step by layer and rubric, each from 0 to 1."""


def step_reward(scores: ByLayer, weights: Mapping[str, float]) -> float | None:
    """The weighted mean over the rubrics that have a score; None where none has.

    A person's rating counts in place of the judge's rubrics.

    Args:
        scores: of the step.
        weights: of the rubrics, as the domain's profile has them.
    """
    found: dict[str, float] = {**scores.get("rules", {}), **scores.get("judge", {})}
    human = scores.get("human", {})
    if RATING in human:
        found |= dict.fromkeys(JUDGED, human[RATING])
    total = sum(weights.get(rubric, 0.0) for rubric in found)
    if not total:
        return None
    return sum(weights.get(rubric, 0.0) * score for rubric, score in found.items()) / total


def process_reward(rewards: Iterable[float | None]) -> float | None:
    """The mean over the steps that have a reward; None where none has."""
    known = [reward for reward in rewards if reward is not None]
    return fmean(known) if known else None


def efficiency(steps: int, shortest: int | None) -> float | None:
    """Steps of the shortest known success against those that were made, at most 1; None without a success."""
    if shortest is None or not steps:
        return None
    return min(1.0, shortest / steps)


def overall(process: float | None, efficient: float | None) -> float | None:
    """Process reward and efficiency in one figure; the process reward alone where there is no efficiency."""
    if process is None or efficient is None:
        return process
    return (1 - EFFICIENCY_SHARE) * process + EFFICIENCY_SHARE * efficient
