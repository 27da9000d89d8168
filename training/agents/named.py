"""Agents by the names that the command line knows them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from practicum.envs.errors import UsageError, nearest
from practicum.envs.registry import short_name
from practicum.training.agents.agent import Agent, Successor
from practicum.training.agents.explorer import Explorer
from practicum.training.agents.random_agent import RandomAgent
from practicum.training.agents.scripted import SCRIPTS, scripted_agent
from practicum.training.agents.skilled import SkilledAgent


@dataclass(frozen=True)
class AgentKind:
    """A kind of agent that can be made for any environment it plays.

    `make(env_name, seed, noise)` makes one; `noise` is the probability that a call of its own is a slip.
    """

    make: Callable[[str, int, float], Agent]
    uses_skills: bool = False
    """Whether it is offered the skills of the library."""
    learns: bool = False
    """Whether one agent plays all episodes of a run, because it learns from each; else each has its own."""


def _random(env_name: str, seed: int, noise: float) -> Successor:
    return RandomAgent(seed)


def _by_hand(env_name: str, seed: int, noise: float) -> Successor:
    make = scripted_agent if short_name(env_name) in SCRIPTS else _random
    return make(env_name, seed, noise)


def _skilled(env_name: str, seed: int, noise: float) -> Agent:
    return SkilledAgent(_by_hand(env_name, seed, noise))


def _explorer(env_name: str, seed: int, noise: float) -> Agent:
    return Explorer(seed)


AGENTS: Mapping[str, AgentKind] = {
    "random": AgentKind(_random),
    "scripted": AgentKind(scripted_agent),
    "skilled": AgentKind(_skilled, uses_skills=True),
    "explorer": AgentKind(_explorer, learns=True),
}
"""The kinds by name. `skilled` goes on by hand with the environment's script, where it has none at random."""


def agent_kind(name: str) -> AgentKind:
    """The kind of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in AGENTS:
        known = ", ".join(AGENTS)
        raise UsageError(f"no agent is called {name!r}{nearest(name, AGENTS)}; there are {known}")
    return AGENTS[name]
