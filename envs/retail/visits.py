"""A visit to the service desk: what the session has changed, what was said, how far the customer has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from practicum.envs.records import Record
from practicum.envs.retail.desk import Desk

Said = tuple[Literal["agent", "customer"], str]
"""One turn of a conversation: who speaks, and what they say."""


@dataclass
class Mood(Record):
    """How far a scripted customer has come."""

    wish: int = 0
    """Place of the wish that they are about."""
    told: list[str] = field(default_factory=list)
    """Topics that they have spoken of, for this wish."""
    has_changed: bool = False
    """Whether they have changed their mind about this wish."""
    puzzled: int = 0
    """Answers of the agent that led nowhere."""


@dataclass
class Visit(Record):
    """A customer at the desk."""

    desk: Desk
    mood: Mood = field(default_factory=Mood)
    conversation: list[Said] = field(default_factory=list)
    left: bool = False
    """Whether the customer has gone."""
    transferred: bool = False
    """Whether the customer was handed over to a human."""
    foreign: bool = False
    """Whether a record of somebody else was changed."""

    @property
    def said(self) -> list[str]:
        """What the agent has told the customer."""
        return [words for who, words in self.conversation if who == "agent"]
