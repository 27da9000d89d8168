"""Rules: what can be said of a step without a model: whether it repeats, falls back, or guesses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from practicum.envs.domains import DomainProfile
from practicum.envs.episodes import Step
from practicum.training.rubrics.information import Told
from practicum.training.rubrics.repeats import Repeats
from practicum.training.rubrics.setbacks import Setbacks

VERSION = 1
"""Counts up when equal steps may score otherwise than before."""
RULED = ("info_utilization", "non_redundancy")
"""The rubrics that rules score."""
OWN_WORDS = frozenset({"talk", "think", "run", "end"})
"""Categories of tools whose arguments are the agent's own words."""


@dataclass(frozen=True, slots=True)
class RuleScores:
    """What the rules make of one step; each from 0 (bad) to 1."""

    turn: int
    redundancy: float
    """0 for the same call in the same state."""
    regression: float
    """What is left of what was achieved before."""
    information: float
    """Share of the arguments' values that the agent had been told."""
    why: Mapping[str, str]
    """Reasons by rubric, where one is below 1."""

    @property
    def rubrics(self) -> dict[str, float]:
        """The scores by rubric."""
        return {
            "info_utilization": self.information,
            "non_redundancy": min(self.redundancy, self.regression),
        }


class Rules:
    """Scores the steps of one episode as they come; a score draws on earlier steps alone.

    Args:
        profile: the domain's.
        told: what the agent knew when it began: instruction, parameters, first observation, tools. What the
            steps tell is added to it.
    """

    def __init__(self, profile: DomainProfile, told: Told | None = None) -> None:
        self._profile = profile
        self._repeats = Repeats()
        self._setbacks = Setbacks(profile)
        self._told = told or Told()

    def score(self, step: Step) -> RuleScores:
        """The scores of the next step."""
        redundancy, turn = self._repeats.score(step)
        regression, lost = self._setbacks.score(step)
        information, guessed = self._used(step)
        self._told.learn(step.result if step.error is None else step.error)
        why = {}
        if redundancy < 1 or regression < 1:
            why["non_redundancy"] = f"repeats turn {turn}" if redundancy <= regression else lost
        if information < 1:
            why["info_utilization"] = f"nobody told {', '.join(guessed)}"
        return RuleScores(step.turn, redundancy, regression, information, why)

    def _used(self, step: Step) -> tuple[float, list[str]]:
        if step.noted or self._profile.category(step.tool) in OWN_WORDS:
            return 1.0, []
        return self._told.used(step.arguments)


def rules_version(profile: DomainProfile) -> str:
    """What rule scores depend on beside the steps: these rules, and what a profile says of its tools."""
    about = [{name: list(tools) for name, tools in profile.categories.items()}, list(profile.gathered)]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:8]
    return f"{VERSION}-{profile.name}-{digest}"
