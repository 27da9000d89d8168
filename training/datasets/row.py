"""Row: one session, or a part of it, as an example for a model to learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from practicum.envs.episodes import compact_json
from practicum.training.transcripts import Message


@dataclass(frozen=True)
class Toolset:
    """The tools that stand in a row; rows of one world share one."""

    schemas: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def json(self) -> str:
        """The schemas as compact JSON."""
        return compact_json(self.schemas).decode()

    @cached_property
    def hash(self) -> str:
        """32 hex digits over the schemas."""
        return _digest(self.json)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tools."""
        return tuple(schema["function"]["name"] for schema in self.schemas)

    def __or__(self, other: Toolset) -> Toolset:
        """These tools, and those of the other that are not among them."""
        if other.hash == self.hash:
            return self
        known = set(self.names)
        return Toolset((*self.schemas, *(s for s in other.schemas if s["function"]["name"] not in known)))


NO_TOOLS = Toolset()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One example: a conversation in which an agent calls tools, and where it came from."""

    messages: tuple[Message, ...]
    """As `transcripts` makes them."""
    toolset: Toolset = NO_TOOLS
    weights: tuple[float, ...] = ()
    """How much each of the assistant's messages counts, in their order."""
    session: str | None = None
    """Id in the log; None of a row from a file that does not say."""
    env: str | None = None
    """The versioned name of the environment."""
    turns: tuple[int, ...] = ()
    """The turn at which each of the assistant's messages was played."""
    task_hash: str | None = None
    split: str | None = None
    success: bool | None = None
    total_reward: float | None = None
    """The session's return."""
    terms: tuple[Mapping[str, float], ...] = ()
    """What each of the assistant's messages earned, by reward term."""
    scores: tuple[float | None, ...] = ()
    """The process reward of each, from 0 to 1; empty where none was asked for."""
    quality: float | None = None
    """From 0 to 1, see `ranking`; None where it was not asked for."""
    opening: int = 0
    """How many messages stand before the first call."""

    @property
    def tools(self) -> tuple[Mapping[str, Any], ...]:
        """The tools that can be called, as chat templates take them."""
        return self.toolset.schemas

    @property
    def calls(self) -> int:
        """How many messages are the assistant's."""
        return sum(message["role"] == "assistant" for message in self.messages)

    @cached_property
    def messages_json(self) -> str:
        """The messages as compact JSON."""
        return compact_json(self.messages).decode()

    @cached_property
    def hash(self) -> str:
        """32 hex digits over messages and tools: rows that teach the same have the same."""
        return _digest(self.messages_json + self.toolset.hash)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
