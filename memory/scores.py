"""Scores: what steps are worth by rules, judges and people, each written once beside the log.

What a rubric means is not known here. A layer that changes gives its scores another version, so that old
ones stay and new ones are made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from practicum.memory.log import Log
from practicum.memory.store import Store

Layer = Literal["rules", "judge", "human"]


@dataclass(frozen=True, slots=True)
class StepScore:
    """What one rubric makes of one step."""

    turn: int
    rubric: str
    layer: Layer
    version: str
    """Of what made the score; equal versions make equal scores of equal steps."""
    score: float
    """From 0 to 1."""
    cost: float = 0.0
    """Money that it took, in the currency of whoever gave the prices."""
    why: str | None = None


class Scores:
    """The scores of a log.

    Args:
        store: the file.
        clock: seconds since 1970.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def add(self, session: str, scores: Iterable[StepScore]) -> None:
        """Keep scores of a session's steps; one that is there already stays as it is.

        Raises:
            LogUnavailable: they could not be written.
        """
        now = self._clock()
        rows = [(session, s.turn, s.rubric, s.layer, s.version, s.score, s.cost, now, s.why) for s in scores]
        if rows:
            with Log(self._store).writing() as connection:
                connection.executemany(_INSERT, rows)

    def of(self, session: str, layer: Layer | None = None, version: str | None = None) -> list[StepScore]:
        """The scores of a session by turn, of every layer and version where none is named.

        Of several versions the older ones come first.
        """
        values = {"session": session, "layer": layer, "version": version}
        return [StepScore(**row) for row in self._store.read(_READ, values)]

    def newest(self, session: str) -> Mapping[int, Mapping[Layer, Mapping[str, float]]]:
        """By turn, layer and rubric the score that was written last, whatever its version."""
        found: dict[int, dict[Layer, dict[str, float]]] = {}
        for each in self.of(session):
            found.setdefault(each.turn, {}).setdefault(each.layer, {})[each.rubric] = each.score
        return found


_INSERT = """
INSERT INTO step_scores (session, turn, rubric, layer, version, score, cost, time, why)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_READ = """
SELECT turn, rubric, layer, version, score, cost, why FROM step_scores
WHERE session = :session AND (:layer IS NULL OR layer = :layer) AND (:version IS NULL OR version = :version)
ORDER BY turn, number
"""


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """What a judge answered once."""

    model: str
    reply: str
    """As it stands, already read once."""
    prompt_tokens: int
    completion_tokens: int
    cost: float


class JudgeCache:
    """Replies of judges by the hash of what they were asked, so that nobody pays twice for one.

    Args:
        store: the file.
        clock: seconds since 1970.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def get(self, key: str) -> JudgeReply | None:
        """The reply under a hash; None where there is none."""
        rows = self._store.read(_GET, (key,))
        return JudgeReply(**rows[0]) if rows else None

    def put(self, key: str, session: str, reply: JudgeReply) -> None:
        """Keep a reply; it goes when the session is forgotten that it was asked for.

        Raises:
            LogUnavailable: it could not be written.
        """
        tokens = (reply.prompt_tokens, reply.completion_tokens)
        with Log(self._store).writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO judge_cache VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (key, session, reply.model, reply.reply, *tokens, reply.cost, self._clock()),
            )


_GET = "SELECT model, reply, prompt_tokens, completion_tokens, cost FROM judge_cache WHERE hash = ?"


def shortest_success(store: Store, task: str, principal: str) -> int | None:
    """The fewest steps in which a principal's sessions came to the right end of a task, evaluations apart.

    Args:
        store: the file.
        task: its content hash.
        principal: whose sessions.
    """
    values: tuple[Any, ...] = (task, principal)
    found = store.read(_SHORTEST, values)[0]["steps"]
    return None if found is None else int(found)


_SHORTEST = """
SELECT min((SELECT max(turn) FROM steps WHERE session = starts.id)) AS steps
FROM session_starts AS starts JOIN session_ends AS ends ON ends.session = starts.id
WHERE starts.task = ? AND starts.principal = ? AND starts.purpose <> 'evaluation' AND ends.success = 1
"""
