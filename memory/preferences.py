"""Preferences: which of two sessions of one task did better, from which turn on; pointers into the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from practicum.envs.tasks import Split
from practicum.memory.log import Log
from practicum.memory.store import Store

PairKind = Literal["outcome", "score", "rating"]


@dataclass(frozen=True, slots=True)
class Preference:
    """Two sessions of one task, the first of which did better."""

    task: str
    """Its content hash."""
    kind: PairKind
    """What tells them apart: the world's verdict, the process reward, or people."""
    turn: int
    """The turn at which they part, all before it being equal; 1 where they are compared as a whole."""
    chosen: str
    """Id of the session."""
    rejected: str
    margin: float
    """How far they are apart, more than 0: of outcomes 1, of scores and ratings from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Comparable:
    """A session that may stand in a pair."""

    session: str
    task: str
    env: str
    """The name to `find()` its environment by."""
    success: bool | None


class Preferences:
    """The pairs of a log, and the sessions that they may be made of.

    Args:
        store: the file.
        clock: seconds since 1970.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def add(self, pairs: Iterable[Preference], version: str) -> int:
        """Keep pairs; one that is there already stays as it is.

        Args:
            pairs: of sessions in the log.
            version: of the rules that made them.

        Returns:
            How many are new.

        Raises:
            LogUnavailable: they could not be written.
            sqlite3.IntegrityError: the sessions of a pair are not of its task.
        """
        now = self._clock()
        rows = [(p.task, p.kind, p.turn, p.chosen, p.rejected, p.margin, version, now) for p in pairs]
        with Log(self._store).writing() as connection:
            before = connection.total_changes
            connection.executemany(_INSERT, rows)
            return connection.total_changes - before

    def read(self, *, split: Split | None = "train", principal: str | None = None) -> Iterator[Preference]:
        """The pairs, oldest first.

        Args:
            split: of the tasks; None for any.
            principal: whose sessions; None for anybody's.
        """
        values = {"split": split, "principal": principal}
        return (Preference(**row) for row in self._store.read(_READ, values))

    def tasks(self, *, split: Split | None = "train", principal: str | None = None) -> list[str]:
        """The tasks that have more than one comparable session."""
        rows = self._store.read(_TASKS, {"split": split, "principal": principal})
        return [row["task"] for row in rows]

    def comparable(self, task: str, principal: str | None = None) -> list[Comparable]:
        """Ended sessions of a task that may be learned from, oldest first; evaluations are none."""
        rows = self._store.read(_COMPARABLE, {"task": task, "principal": principal})
        return [
            Comparable(**{**row, "success": None if row["success"] is None else bool(row["success"])})
            for row in rows
        ]


_INSERT = """
INSERT INTO preferences (task, kind, turn, session, other_session, margin, version, time)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_LEARNABLE = """
starts.purpose IN ('practice', 'import') AND (:principal IS NULL OR starts.principal = :principal)
"""
_READ = f"""
SELECT pairs.task, kind, turn, session AS chosen, other_session AS rejected, margin
FROM preferences AS pairs JOIN tasks ON tasks.hash = pairs.task
JOIN session_starts AS starts ON starts.id = pairs.session
WHERE {_LEARNABLE} AND (:split IS NULL OR tasks.split = :split) ORDER BY pairs.number
"""  # noqa: S608  # of ours
_TASKS = f"""
SELECT starts.task FROM session_starts AS starts
JOIN session_ends AS ends ON ends.session = starts.id JOIN tasks ON tasks.hash = starts.task
WHERE {_LEARNABLE} AND (:split IS NULL OR tasks.split = :split)
GROUP BY starts.task HAVING count(*) > 1 ORDER BY min(starts.number)
"""  # noqa: S608  # of ours
_COMPARABLE = f"""
SELECT starts.id AS session, starts.task, starts.env, ends.success FROM session_starts AS starts
JOIN session_ends AS ends ON ends.session = starts.id
WHERE starts.task = :task AND {_LEARNABLE} ORDER BY starts.number
"""  # noqa: S608  # of ours
