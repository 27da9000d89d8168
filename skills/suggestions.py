"""Suggestions: which skill a session is told to try, or to go by hand; and what a search finds first."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from practicum.memory import PastTask, Purpose, Store, recall
from practicum.memory.played import last_end, played_after, successes_among
from practicum.skills.bandit import BY_HAND, Bandit, Verified, control_share, reward
from practicum.skills.interpreter import applies
from practicum.skills.language import Skill
from practicum.skills.library import Entry

LATEST = 2_000
"""Sessions that a bandit is made from at first; what is older has little to say."""
MOST_BANDITS = 256
"""Bandits that are kept in memory; one that is dropped is made anew from the log."""
VOTERS = 40
"""Past tasks, the nearest to a query, that vote for skills."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What suits a session's task, by what came of earlier sessions."""

    skill: str | None
    """Name of the skill; None for by hand."""
    control: bool = False
    """Whether it goes by hand only so that skills have something to be held against."""


@dataclass
class Past:
    """What came of a principal's sessions in one environment."""

    bandit: Bandit = field(default_factory=Bandit)
    sessions: int = 0
    """How many have been read."""
    up_to: int = 0
    """Number of the last end of a session that has been looked at."""

    def draw(
        self, session_id: str, able: Sequence[Entry], *, params: Mapping[str, Any], purpose: Purpose
    ) -> Suggestion:
        """Draw among skills that can begin with a task; there is one at least."""
        random = _seeded(session_id)
        if random.random() < control_share(self.sessions + 1) and purpose == "practice":
            return Suggestion(None, control=True)
        arms = {_arm(entry.skill.name, entry.skill.version): entry for entry in able}
        verified = {arm: Verified(entry.hits, entry.misses) for arm, entry in arms.items()}
        drawn = self.bandit.draw(random, params, verified)
        return Suggestion(None if drawn == BY_HAND else arms[drawn].skill.name)


class Suggestions:
    """Draws the suggestion of each session.

    What it knows is a cache of the log: it reads what has ended since, whichever process played it. Two
    processes draw alike, unless one of them has been up for more than the latest 2,000 sessions.

    Args:
        store: the log.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._past: OrderedDict[tuple[str, str, int], Past] = OrderedDict()

    def draw(
        self,
        session_id: str,
        entries: Sequence[Entry],
        *,
        principal: str,
        params: Mapping[str, Any],
        opening: Any = None,
        purpose: Purpose = "practice",
    ) -> Suggestion:
        """The suggestion for a session: the same again from the same log.

        Args:
            session_id: seed of the draw.
            entries: the published skills of the session's environment; those whose preconditions the task
                does not meet are no choice.
            principal: whose sessions it is drawn from.
            params: the task's parameters.
            opening: the first observation.
            purpose: of the session; only in practice there is a control group.
        """
        able = able_among(entries, params, opening)
        if not able:
            return Suggestion(None)
        past = self.past(principal, able[0].skill.env, able[0].skill.env_version)
        return past.draw(session_id, able, params=params, purpose=purpose)

    def past(self, principal: str, env: str, version: int) -> Past:
        """What the log says up to now about a principal's sessions in an environment, by its short name."""
        place = (principal, env, version)
        latest = None if place in self._past else LATEST
        past = self._past.setdefault(place, Past())
        self._past.move_to_end(place)
        if len(self._past) > MOST_BANDITS:
            self._past.popitem(last=False)
        newest = last_end(self._store)
        if newest == past.up_to:
            return past
        ended = played_after(
            self._store, past.up_to, principal=principal, env=env, version=version, last=latest
        )
        for session in ended:
            earned = reward(success=session.success, decisions=session.decisions)
            past.bandit.learn(session.params, _arm(session.skill, session.version), earned)
            past.sessions += 1
            newest = max(newest, session.number)
        past.up_to = newest
        return past


def able_among(entries: Sequence[Entry], params: Mapping[str, Any], opening: Any) -> list[Entry]:
    """The skills that a session can begin with, of those of its environment.

    Args:
        entries: the published skills.
        params: the task's parameters.
        opening: the first observation.
    """
    return [each for each in entries if _begins(each.skill) and applies(each.skill, params, opening)]


def _begins(skill: Skill) -> bool:
    """Whether a session may begin with a skill: it needs no argument, and nothing that is said first."""
    return not skill.params.get("required") and not skill.evidence.get("between_turns")


def _arm(skill: str | None, version: int | None) -> str:
    """How the bandit calls a version of a skill, or going by hand."""
    return BY_HAND if skill is None else f"{skill} {version}"


def _seeded(session_id: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(session_id.encode()).digest()[:8]))


# Search -----------------------------------------------------------------------------------------------


def found_first(
    store: Store, entries: Sequence[Entry], query: str, *, principal: str, env: str | None = None
) -> list[Entry]:
    """Skills in the order in which they are likely to do what a text asks for.

    The nearest past tasks vote, each for the skills with which its sessions came to the right end: those
    that were run in them; where all was done by hand, those that make the last call of the session. Skills
    with equal votes are ordered by the words that their names and descriptions share with the text.

    Args:
        store: the log.
        entries: the skills to choose from.
        query: what is to be done, in any words.
        principal: whose past sessions vote.
        env: only this environment's past tasks vote.

    Raises:
        LogUnavailable: the index of tasks could not be written.
    """
    near = recall(store, query, principal=principal, env=env, limit=VOTERS)
    votes = _votes(store, near, entries)
    words = _words(query)
    shared = {e.skill.name: len(words & _words(f"{e.skill.name} {e.skill.description}")) for e in entries}
    return sorted(entries, key=lambda e: (-votes[e.skill.name], -shared[e.skill.name], e.number))


def _votes(store: Store, near: Sequence[PastTask], entries: Sequence[Entry]) -> dict[str, float]:
    """Each task has one vote, the nearer the heavier, parted among its sessions that succeeded.

    The n-th task's vote is worth 1/√n: scores by words say which task is nearer, not by how much.
    """
    votes = {entry.skill.name: 0.0 for entry in entries}
    ids = [session.id for task in near for session in task.sessions if session.success]
    won = {success.session: success for success in successes_among(store, ids)}
    for place, task in enumerate(near, 1):
        ballots = [won[session.id] for session in task.sessions if session.id in won]
        for ballot in ballots:
            able = {e.skill.name: e.skill.env_id for e in entries if ballot.last_tool in e.skill.tools}
            named = [name for name in ballot.skills if name in votes]
            chosen = named or [name for name, env_id in able.items() if env_id == task.env_id]
            for name in chosen:
                votes[name] += place**-0.5 / len(ballots) / len(chosen)
    return votes


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.lower()))
