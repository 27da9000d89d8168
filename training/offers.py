"""Offers: the skills that an agent is offered in an episode, and what the one that suits it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from practicum.envs import Opening, Task
from practicum.memory import Purpose, Store
from practicum.skills.library import Entry, Library
from practicum.skills.suggestions import Past, Suggestion, Suggestions, able_among


@dataclass(frozen=True)
class Offer:
    """What is offered in an episode; draws the same wherever the episode is played."""

    entries: tuple[Entry, ...]
    """The published skills of its environment."""
    past: Past
    """What came of earlier sessions, when the offer was made."""
    purpose: Purpose

    def draw(self, session: str, opening: Opening) -> Suggestion:
        """Which of them suits the episode of a session."""
        params = opening.task.params
        able = able_among(self.entries, params, opening.observation)
        if not able:
            return Suggestion(None)
        return self.past.draw(session, able, params=params, purpose=self.purpose)


@dataclass(frozen=True)
class SkillShelf:
    """The skills that agents are offered, and what is suggested to them."""

    library: Library
    suggestions: Suggestions

    @classmethod
    def of(cls, store: Store) -> SkillShelf:
        """The shelf of a database."""
        return cls(Library(store), Suggestions(store))

    def offer(self, task: Task, *, principal: str, purpose: Purpose) -> Offer:
        """What a principal is offered in an episode of a task, by what the log says now."""
        entries = tuple(self.library.entries(principal, task.env_id))
        past = self.suggestions.past(principal, task.env, task.version) if entries else Past()
        return Offer(entries, past, purpose)
