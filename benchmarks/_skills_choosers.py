"""Simpler choosers to hold the bandit against: one Beta for each skill, or for each kind of task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from practicum.skills.bandit import BY_HAND, Verified
from practicum.skills.features import Vocabulary


class Chooser(Protocol):
    """Something that draws an arm for a task and learns what it earned; `Bandit` is one."""

    def learn(self, params: Mapping[str, Any], arm: str, earned: float) -> None:
        """Take in what an arm earned on the task of these parameters."""

    def draw(
        self, random: np.random.Generator, params: Mapping[str, Any], arms: Mapping[str, Verified]
    ) -> str:
        """Draw one of these arms or `BY_HAND`."""


class BetaTable:
    """Thompson sampling with Beta distributions, one for each arm, or for each arm on each kind of task.

    Args:
        keyed: whether kinds of tasks are told apart, by the values of their parameters.
    """

    def __init__(self, *, keyed: bool) -> None:
        self._vocabulary = Vocabulary() if keyed else None
        self._counts: dict[tuple[str, str], tuple[float, float]] = {}

    def learn(self, params: Mapping[str, Any], arm: str, earned: float) -> None:
        """Take in what an arm earned, cut to 0 and 1: that much of a hit, the rest a miss."""
        if self._vocabulary is not None:
            self._vocabulary.meet(params)
        part = min(max(earned, 0.0), 1.0)
        place = (self._key(params), arm)
        hits, misses = self._counts.get(place, (0.0, 0.0))
        self._counts[place] = (hits + part, misses + 1 - part)

    def draw(
        self, random: np.random.Generator, params: Mapping[str, Any], arms: Mapping[str, Verified]
    ) -> str:
        """Draw an arm as often as it is the best one, by its counts and its verification."""
        key = self._key(params)
        scores = {}
        for name, verified in {BY_HAND: Verified(), **arms}.items():
            hits, misses = self._counts.get((key, name), (0.0, 0.0))
            scores[name] = random.beta(1 + hits + verified.hits, 1 + misses + verified.misses)
        return max(scores, key=lambda arm: scores[arm])

    def _key(self, params: Mapping[str, Any]) -> str:
        """The texts of few values, and what else holds anything."""
        if self._vocabulary is None:
            return ""
        known = self._vocabulary.columns
        few = {name for name, value in params.items() if ("is", name, json.dumps(value)) in known}
        told = {n: v if n in few and isinstance(v, str) else bool(v) for n, v in params.items()}
        return json.dumps(told, sort_keys=True)


class ByHand:
    """Never uses a skill."""

    def learn(self, params: Mapping[str, Any], arm: str, earned: float) -> None:
        """Nothing is learnt."""

    def draw(
        self, random: np.random.Generator, params: Mapping[str, Any], arms: Mapping[str, Verified]
    ) -> str:
        """By hand."""
        return BY_HAND
