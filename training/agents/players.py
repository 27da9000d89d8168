"""Players: who plays a task, an agent of its own for each or one that learns from all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import numpy as np

from practicum.envs.tasks import Task
from practicum.training.agents.agent import Agent
from practicum.training.agents.named import AgentKind, agent_kind
from practicum.training.llm import ModelShelf

AgentFor = Callable[[Task], Agent]
"""Makes the agent that plays a task, or hands out the one that plays all."""
Player = str | Agent | AgentFor
"""A name, as `agent_kind` takes them; an agent, which plays all tasks; or what makes one for a task."""


def agents_for(
    name: str, env_name: str, *, seed: int, noise: float, models: ModelShelf | None = None
) -> AgentFor:
    """Who plays a task: an agent of its own for each, or where it learns the same for all.

    Raises:
        UsageError: the agent is not known, does not play this environment, or is a model that cannot be
            opened.
    """
    return Players(agent_kind(name, models), name, env_name, seed=seed, noise=noise, models=models)


class Players:
    """Who plays each task, of the kind that a name means.

    In another process they are made of the name again, and a model is opened or loaded once there.

    Args:
        kind: that the name means.
        name: as `agent_kind` takes it.
        env_name: the environment's.
        seed: of the agents' own draws.
        noise: probability that a call of theirs is a slip.
        models: where chat models are opened.

    Raises:
        UsageError: as `agents_for`.
    """

    def __init__(
        self,
        kind: AgentKind,
        name: str,
        env_name: str,
        *,
        seed: int,
        noise: float,
        models: ModelShelf | None,
    ) -> None:
        self._kind = kind
        self._made_of = (name, env_name, seed, noise, models)
        self._first = kind.make(env_name, seed, noise)
        self.learns = kind.learns
        """Whether one agent plays all tasks, in their order."""
        self.models = models

    def __call__(self, task: Task) -> Agent:
        """Who plays a task."""
        _, env_name, seed, noise, _ = self._made_of
        if self.learns:
            return self._first
        if self._kind.knowing is not None:
            return self._kind.knowing(task, mixed(seed, task.seed), noise)
        return self._kind.make(env_name, mixed(seed, task.seed), noise)

    def __reduce__(self) -> tuple[Any, ...]:
        return _players, self._made_of


@lru_cache(maxsize=64)
def _players(name: str, env_name: str, seed: int, noise: float, models: ModelShelf | None) -> Players:
    return Players(_kind(name, models), name, env_name, seed=seed, noise=noise, models=models)


@lru_cache(maxsize=16)
def _kind(name: str, models: ModelShelf | None) -> AgentKind:
    return agent_kind(name, models)


@dataclass(frozen=True)
class Cast:
    """A player as it is evaluated."""

    name: str
    """What reports call it."""
    by_trial: tuple[AgentFor, ...]
    """Who plays the tasks in each trial."""
    uses_skills: bool = True
    """Whether it is offered what skills there are."""


@dataclass(frozen=True)
class Casting:
    """How the players of an environment are made of their names; a model is loaded once for all trials."""

    env_name: str
    seed: int = 0
    """Of the agents' own draws."""
    noise: float = 0.0
    """Probability that a call of theirs is a slip."""
    models: ModelShelf | None = None
    _kinds: dict[str, AgentKind] = field(default_factory=dict, repr=False)

    def cast(self, name: str, player: Player, trials: int = 1) -> Cast:
        """Who plays as `name`.

        Raises:
            UsageError: as `agents_for`.
        """
        if isinstance(player, str):
            kind = self._kind(player)
            seeds = [self.seed, *(mixed(self.seed, trial) for trial in range(1, trials))]
            made = tuple(self._players(kind, player, seed) for seed in seeds)
            return Cast(name, made, kind.uses_skills)
        if hasattr(player, "decide"):
            return Cast(name, (lambda task: cast(Agent, player),) * trials)
        return Cast(name, (player,) * trials)

    def _players(self, kind: AgentKind, name: str, seed: int) -> Players:
        return Players(kind, name, self.env_name, seed=seed, noise=self.noise, models=self.models)

    def _kind(self, name: str) -> AgentKind:
        if name not in self._kinds:
            self._kinds[name] = agent_kind(name, self.models)
        return self._kinds[name]


def mixed(*seeds: int) -> int:
    """A seed that depends on all of some."""
    return int(np.random.SeedSequence(seeds).generate_state(1)[0])
