"""Agent: something that picks the next call, from what any MCP client sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from practicum.envs import Action, Episode, Step


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is listed to agents."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """JSON schema of its arguments."""

    @classmethod
    def of(cls, action: Action) -> Tool:
        """The tool that an action is published as."""
        return cls(action.name, action.description, action.schema)


@dataclass(frozen=True, slots=True)
class Decision:
    """The call that an agent chose."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    thought: str = ""
    """Why, in the agent's own words."""


class Agent(Protocol):
    """Something that picks the next call. One agent plays one episode at a time."""

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """A new episode: what is asked for, what is seen first, and what can be called."""

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """Pick the next call.

        Args:
            result: of the call before, plain JSON; at first the observation that `begin` was given.
            error: why the call before was refused; its result is None then.
        """


def play_episode(episode: Episode, agent: Agent) -> list[Step]:
    """Let an agent play an episode to its end.

    Returns:
        The steps, in order.
    """
    agent.begin(
        episode.task.instruction,
        episode.opening.observation,
        [Tool.of(action) for action in episode.env.actions.values()],
    )
    result, error = episode.opening.observation, None
    steps: list[Step] = []
    while not episode.over:
        decision = agent.decide(result, error)
        step = episode.act(decision.tool, decision.arguments, thought=decision.thought or None)
        result, error = step.result, step.error
        steps.append(step)
    return steps
