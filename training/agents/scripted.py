"""Scripted agents: they solve an environment from what can be seen, say why, and can be made to slip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from practicum.envs import UsageError
from practicum.envs.errors import nearest
from practicum.envs.registry import short_name
from practicum.training.agents.agent import Decision, Successor, Tool
from practicum.training.agents.flight_script import FlightScript
from practicum.training.agents.parcels_script import ParcelsScript


class Script(Protocol):
    """How one environment is solved: a memory of what was seen, and the next call that follows from it."""

    def start(self, instruction: str, observation: Any) -> None:
        """Begin an episode."""

    def learn(self, made: Decision, result: Any, error: str | None) -> None:
        """Take in what came of a call."""

    def next(self) -> Decision:
        """The call to make now."""

    def slip(self, random: np.random.Generator, tools: Sequence[Tool]) -> Decision:
        """A wrong call that the script can recover from."""


class ScriptedAgent:
    """Plays a script, with slips.

    Args:
        script: makes the script of an episode.
        seed: of the slips.
        noise: probability from 0 to 1 that a call is a slip.
    """

    def __init__(self, script: Callable[[], Script], *, seed: int = 0, noise: float = 0.0) -> None:
        self._make_script = script
        self._random = np.random.default_rng(seed)
        self._noise = noise
        self._tools: Sequence[Tool] = ()
        self._script: Script
        self._made: Decision | None = None

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """Start the script afresh."""
        self._script = self._make_script()
        self._tools = tools
        self._made = None
        self._script.start(instruction, observation)

    def follow(self, made: Decision, result: Any, error: str | None) -> None:
        """Learn from a call that somebody else made."""
        self._script.learn(made, result, error)

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """Learn from the last call, then make the next one, or slip."""
        if self._made is not None:
            self._script.learn(self._made, result, error)
        slips = self._random.random() < self._noise
        self._made = self._script.slip(self._random, self._tools) if slips else self._script.next()
        return self._made


SCRIPTS: dict[str, Callable[[], Script]] = {"flight": FlightScript, "parcels": ParcelsScript}
"""The script of each environment that has one, by short name."""


def scripted_agent(env_name: str, seed: int = 0, noise: float = 0.0) -> Successor:
    """The scripted agent of an environment.

    Args:
        env_name: `flight` or `flight-v1`.
        seed: of its slips.
        noise: probability from 0 to 1 that a call is a slip.

    Raises:
        UsageError: no script plays that environment, or the noise is no probability.
    """
    name = short_name(env_name)
    if name not in SCRIPTS:
        known = ", ".join(SCRIPTS)
        raise UsageError(f"no script plays {env_name!r}{nearest(name, SCRIPTS)}; scripts play {known}")
    if not 0 <= noise <= 1:
        raise UsageError(f"noise is {noise}, expected a probability from 0 to 1")
    return ScriptedAgent(SCRIPTS[name], seed=seed, noise=noise)
