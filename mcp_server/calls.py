"""Calls: who calls, what is called, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from practicum.envs import Episode, Step
from practicum.memory import Session


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

    def equals(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Whether another call is the same one, delivered again."""
        return self.tool == tool and dict(self.arguments) == dict(arguments)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: decides which sessions there are."""

    principal: str = "local"
    client_name: str = ""
    client_version: str = ""
    protocol_version: str = ""
    alone: bool = False
    """Whether the connection is this principal's own, so that its one open session needs no id."""


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
