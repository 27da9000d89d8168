"""Calls: who calls, what is called, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from practicum.envs import Episode, Step
from practicum.mcp_server.limits import Limits
from practicum.memory import Session
from practicum.skills.interpreter import Finish
from practicum.skills.language import Skill


@dataclass(frozen=True, slots=True)
class Call:
    """A call as a client made it, without its handle arguments."""

    tool: str
    """The environment's own name of the action."""
    arguments: Mapping[str, Any]
    turn: int | None = None
    """The number this call will have; None for the next one."""
    thought: str | None = None
    """The agent's own words beside the call."""
    via_skill: str | None = None
    """The skill whose inner call this is."""

    @property
    def sent(self) -> list[Any]:
        """All that the client sent along, and that is logged."""
        return [self.arguments] if self.thought is None else [self.arguments, self.thought]

    def equals(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Whether another call is the same one, delivered again."""
        return self.tool == tool and _same(dict(self.arguments), dict(arguments))


@dataclass(frozen=True, slots=True)
class SkillCall:
    """A skill's run as a client asked for it, without its handle arguments."""

    skill: Skill
    arguments: Mapping[str, Any]
    turn: int | None = None
    """The number that its first call will have; None for the next one."""
    hear: Callable[[Step], None] | None = None
    """Told of each inner call that was played."""

    @property
    def tool(self) -> str:
        """The name by which it is called."""
        return self.skill.name

    def equals(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Whether another call is the same one, delivered again."""
        return self.tool == tool and _same(dict(self.arguments), dict(arguments))


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: 1 and 1.0 are one number, 1 and true are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: decides which sessions there are."""

    principal: str = "local"
    client_name: str = ""
    client_version: str = ""
    protocol_version: str = ""
    alone: bool = False
    """Whether the connection is this principal's own, so that its one open session needs no id."""
    limits: Limits | None = None
    """What the principal may use; None for what the server allows everybody."""


class ClientFacts(TypedDict):
    """What the log keeps of the client that opens a session."""

    client_name: str
    client_version: str
    protocol_version: str
    tools_fingerprint: str


@dataclass(frozen=True, slots=True)
class Played:
    """A step, and the session it belongs to."""

    session: Session
    step: Step


@dataclass(frozen=True, slots=True)
class Ran:
    """A skill's run, and the session it belongs to."""

    session: Session
    skill: str
    steps: Sequence[Step]
    """Its turns: the inner calls, or the one that notes that there was none."""
    finish: Finish
    """Without a result, which is the last step's."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that is still being played."""

    session: Session
    turn: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A session just opened."""

    session: Session
    episode: Episode
    token: str | None = None
