"""Live reward: the rules as a reward function, for `RewardFunction` wrappers, rollouts and GRPO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from practicum.envs.core import ToolEnv
from practicum.envs.domains import DomainProfile
from practicum.envs.episodes import Step
from practicum.training.rubrics.information import Told
from practicum.training.rubrics.rules import Rules, RuleScores
from practicum.training.rubrics.tracks import GENERIC, profile_named, told_in
from practicum.training.rubrics.weights import step_reward


def make_reward(domain: str = GENERIC, *, scale: float = 0.1) -> RuleReward:
    """The rules of a domain as a reward function.

    Args:
        domain: name of its profile.
        scale: what the worst step costs.

    Raises:
        UsageError: there is no such domain.
    """
    return RuleReward(profile_named(domain), scale)


make_reward_fn = make_reward
"""The name that knowlyr-gym has for it."""


@dataclass(frozen=True)
class RuleReward:
    """Gives the newest step's reward: 0 for a flawless one, less for one that repeats, falls back or guesses.

    It is never more than 0, so that nothing is earned by making more steps. `begin` makes a function that
    knows what the agent was told when the episode began, as `RewardFunction` does; called by itself, it
    does not judge what the arguments stand on.
    """

    profile: DomainProfile
    scale: float

    def begin(self, world: ToolEnv[Any], observation: Any) -> EpisodeRules:
        """The function for one episode, which is handed its steps as they come."""
        tools = told_in(type(world))  # type: ignore[arg-type]  # classes are hashable
        return EpisodeRules(self, tools.and_more(world.task.instruction, world.task.params, observation))

    def __call__(self, steps: Sequence[Step]) -> float:
        """The reward of the newest of an episode's steps."""
        rules = Rules(self.profile)
        scored = [rules.score(step) for step in steps]
        return self.of({"non_redundancy": scored[-1].rubrics["non_redundancy"]}) if scored else 0.0

    def of(self, rubrics: dict[str, float]) -> float:
        """What scores by rubric are worth as a reward."""
        worth = step_reward({"rules": rubrics}, self.profile.rubric_weights)
        return 0.0 if worth is None else self.scale * (worth - 1.0)


class EpisodeRules:
    """The reward function of one episode.

    Args:
        reward: what its scores are worth.
        told: what the agent knew when it began.
    """

    def __init__(self, reward: RuleReward, told: Told) -> None:
        self._reward = reward
        self._rules = Rules(reward.profile, told)
        self.scored: list[RuleScores] = []
        """What the rules made of each step so far."""

    def __call__(self, steps: Sequence[Step]) -> float:
        """The reward of the newest step; each call brings one more than the call before."""
        if len(steps) != len(self.scored) + 1:
            raise ValueError(f"{len(steps)} steps after {len(self.scored)}; hand in each as it is made")
        self.scored.append(self._rules.score(steps[-1]))
        return self._reward.of(self.scored[-1].rubrics)
