"""Agents by the names that the command line knows them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from practicum.envs.errors import UsageError, nearest
from practicum.envs.registry import short_name
from practicum.envs.tasks import Task
from practicum.training.agents.agent import Agent, Successor
from practicum.training.agents.chat import ChatAgent
from practicum.training.agents.explorer import Explorer
from practicum.training.agents.local import LocalAgent
from practicum.training.agents.random_agent import RandomAgent
from practicum.training.agents.retail_oracle import oracle_agent
from practicum.training.agents.scripted import SCRIPTS, scripted_agent
from practicum.training.agents.skilled import SkilledAgent
from practicum.training.llm import ModelShelf
from practicum.training.models import load
from practicum.training.models.writer import Writer, WriterSettings

CHAT, LOCAL, SKILLED_LOCAL = "chat:", "local:", "skilled-local:"
"""What the name of an agent begins with that is a model: on a server, in this process, in this process and
offered the skills of the library. The model's own name follows."""


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
    knowing: Callable[[Task, int, float], Agent] | None = None
    """Makes one that reads the task, its secret included, where the kind is a yardstick that does so."""


def _random(env_name: str, seed: int, noise: float) -> Successor:
    return RandomAgent(seed)


def _by_hand(env_name: str, seed: int, noise: float) -> Successor:
    make = scripted_agent if short_name(env_name) in SCRIPTS else _random
    return make(env_name, seed, noise)


def _skilled(env_name: str, seed: int, noise: float) -> Agent:
    return SkilledAgent(_by_hand(env_name, seed, noise))


def _explorer(env_name: str, seed: int, noise: float) -> Agent:
    return Explorer(seed)


def _oracle(env_name: str, seed: int, noise: float) -> Agent:
    if short_name(env_name) != "retail":
        raise UsageError(f"the oracle reads the plans of retail tasks; those of {env_name} have none")
    return oracle_agent(Task("retail", 1, 0), seed, noise)


AGENTS: Mapping[str, AgentKind] = {
    "random": AgentKind(_random),
    "scripted": AgentKind(scripted_agent),
    "skilled": AgentKind(_skilled, uses_skills=True),
    "explorer": AgentKind(_explorer, learns=True),
    "oracle": AgentKind(_oracle, knowing=oracle_agent),
}
"""The kinds by name. `skilled` goes on by hand with the environment's script, where it has none at random."""


def agent_kind(name: str, models: ModelShelf | None = None) -> AgentKind:
    """The kind of that name.

    Args:
        name: one of `AGENTS`, or `chat:`, `local:` or `skilled-local:` and the name of a model; those of
            local models are what `load` takes.
        models: where a model is opened, when its first agent is made; with the default settings where None.

    Raises:
        UsageError: there is none.
    """
    if name.startswith(CHAT) and name != CHAT:
        return _chat(name.removeprefix(CHAT), models or ModelShelf())
    for beginning in (LOCAL, SKILLED_LOCAL):
        if name.startswith(beginning) and name != beginning:
            settings = (models or ModelShelf()).settings
            return local_kind(
                name.removeprefix(beginning),
                WriterSettings(free=settings.free, temperature=settings.temperature),
                uses_skills=beginning == SKILLED_LOCAL,
            )
    if name not in AGENTS:
        known = [*AGENTS, f"{CHAT}MODEL", f"{LOCAL}MODEL", f"{SKILLED_LOCAL}MODEL"]
        raise UsageError(f"no agent is called {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return AGENTS[name]


def _chat(model: str, models: ModelShelf) -> AgentKind:
    def make(env_name: str, seed: int, noise: float) -> Agent:
        return ChatAgent(models.model(model), context_tokens=models.settings.context_tokens)

    return AgentKind(make)


def local_kind(model: str, settings: WriterSettings, *, uses_skills: bool = False) -> AgentKind:
    """Agents that play with one model in this process, which is loaded when the first is made."""

    @cache
    def writer() -> Writer:
        return Writer(load(model), settings)

    def make(env_name: str, seed: int, noise: float) -> Agent:
        return LocalAgent(writer(), seed=seed)

    return AgentKind(make, uses_skills=uses_skills)
