"""Agent: something that picks the next call, from what any MCP client sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from practicum.envs import Action
from practicum.skills.language import Skill


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is listed to agents."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """JSON schema of its arguments."""
    is_skill: bool = False
    """Whether it does several steps at once; it answers with how it ended and, where the episode goes on,
    with its steps."""
    suggested: bool = False
    """Whether it is the skill that suits the task, by what came of earlier sessions."""

    @classmethod
    def of(cls, action: Action) -> Tool:
        """The tool that an action is published as."""
        return cls(action.name, action.description, action.schema)

    @classmethod
    def of_skill(cls, skill: Skill, *, suggested: bool = False) -> Tool:
        """The tool that a skill is published as."""
        return cls(skill.name, skill.description, skill.params, is_skill=True, suggested=suggested)


@dataclass(frozen=True, slots=True)
class Decision:
    """The call that an agent chose."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    thought: str = ""
    """Why, in the agent's own words."""


class Agent(Protocol):
    """Something that picks the next call. One agent plays one episode at a time.

    One that says `reads_text = True` is given the world's compact text instead of JSON: `Opening.text` as the
    first observation, `Step.text` as the result of a call.
    """

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """A new episode: what is asked for, what is seen first, and what can be called."""

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """Pick the next call.

        Args:
            result: of the call before, plain JSON; at first the observation that `begin` was given.
            error: why the call before was refused; its result is None then.
        """


@runtime_checkable
class Learner(Protocol):
    """What an agent also is that wants to know how an episode ended; whoever plays it tells it once."""

    def end(self, result: Any, error: str | None, outcome: Mapping[str, Any] | None) -> None:
        """The last call has ended the episode.

        Args:
            result: of the last call, plain JSON.
            error: why the last call was refused; its result is None then.
            outcome: how the world judged the end, `success` among it; None where that is kept from the agent.
        """


class Successor(Agent, Protocol):
    """An agent that can go on in the middle of an episode, from what others did in it."""

    def follow(self, made: Decision, result: Any, error: str | None) -> None:
        """Take in a call that it did not choose, after `begin` and in the order of the calls."""
