"""Batches: what one transaction writes (steps, starts, ends), and why the log refuses one of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from practicum.envs.episodes import Step
from practicum.memory.rows import STEP_COLUMNS, StepRow, dump_text, load, step_row
from practicum.memory.starts import SessionStart, insert_start

EPISODE_OVER = "episode"
"""The reason of an end that the world or its step limit brought about."""


class TurnTaken(Exception):  # noqa: N818  # named for what happened
    """The log has gone on without this episode: drop it, rebuild it from the log and answer again."""


class SessionEnded(TurnTaken):
    """The session has ended or has been forgotten, so it takes no more steps."""


UNFIT = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    ValueError,
    OverflowError,
)
"""What SQLite and its module raise of a row that they cannot take; the others of its batch are well."""
Write = Callable[[sqlite3.Connection], object]
"""Something else that is to be written within the caller's transaction."""


class Batch:
    """What is written in one transaction: steps, and a few other things beside them."""

    def __init__(self) -> None:
        self.done = False
        self.failure: Exception | None = None
        self._rows: dict[int, StepRow] = {}
        self._others: dict[int, Write] = {}
        self._beside: dict[int, Write] = {}
        self._blobs: list[tuple[str, str]] = []
        self._ends: list[tuple[str, str, float, Mapping[str, Any] | None]] = []
        self._refused: dict[int, Exception] = {}

    def add(self, session_id: str, step: Step, now: float, beside: Write | None = None) -> int:
        """Put a step into the batch, and what is written only together with it; returns its place."""
        row, blob = step_row(session_id, step, now)
        place = len(self._rows) + len(self._others)
        self._rows[place] = row
        if blob is not None:
            self._blobs.append(blob)
        if beside is not None:
            self._beside[place] = beside
        if step.done:
            self._ends.append((session_id, EPISODE_OVER, now, step.outcome))
        return place

    def add_other(self, write: Write) -> int:
        """Put something else into the batch, a session's start or end or an event; returns its place."""
        place = len(self._rows) + len(self._others)
        self._others[place] = write
        return place

    def settle(self, place: int) -> None:
        """Return if what is at `place` was written, raise why not otherwise."""
        if self.failure is not None:
            raise self.failure
        if place in self._refused:
            raise self._refused[place]

    def insert_together(self, connection: sqlite3.Connection) -> None:
        """Write them all; one that the log refuses fails the rest along with it."""
        for write in self._others.values():
            write(connection)
        if self._blobs:
            connection.executemany(_INSERT_BLOB, self._blobs)
        connection.executemany(_INSERT_STEP, self._rows.values())
        for end in self._ends:
            insert_end(connection, *end)
        for write in self._beside.values():
            write(connection)

    def insert_one_by_one(self, connection: sqlite3.Connection) -> None:
        """Write those that the log takes and remember why it refuses the others."""
        blobs = dict(self._blobs)
        ends = {end[0]: end for end in self._ends}

        def write_step(connection: sqlite3.Connection, place: int, row: StepRow) -> None:
            session_id, blob = row[0], row[_BLOB]
            if blob is not None:
                connection.execute(_INSERT_BLOB, (blob, blobs[blob]))
            connection.execute(_INSERT_STEP, row)
            if session_id in ends and (row[_TERMINATED] or row[_TRUNCATED]):
                insert_end(connection, *ends[session_id])
            if place in self._beside:
                self._beside[place](connection)

        for place, write in self._others.items():
            self._write_one(connection, place, write)
        for place, row in self._rows.items():
            self._write_one(connection, place, partial(write_step, place=place, row=row))

    def _write_one(self, connection: sqlite3.Connection, place: int, write: Write) -> None:
        connection.execute("SAVEPOINT one")
        try:
            write(connection)
        except UNFIT as error:
            connection.execute("ROLLBACK TO one")
            row = self._rows.get(place)
            self._refused[place] = error if row is None else _refusal(error, row[0], row[1])
        connection.execute("RELEASE one")


_BLOB = STEP_COLUMNS.index("blob")
_TERMINATED = STEP_COLUMNS.index("terminated")
_TRUNCATED = STEP_COLUMNS.index("truncated")
_INSERT_STEP = f"INSERT INTO steps ({', '.join(STEP_COLUMNS)}) VALUES ({', '.join('?' * len(STEP_COLUMNS))})"  # noqa: S608  # names of ours
_COPY_STEPS = f"""
INSERT INTO steps ({", ".join(STEP_COLUMNS)})
SELECT :id, {", ".join(":now" if name == "time" else name for name in STEP_COLUMNS[1:])}
FROM steps WHERE session = :parent AND turn <= :last ORDER BY turn
"""  # noqa: S608  # names of ours
_INSERT_BLOB = "INSERT INTO blobs (hash, body) VALUES (?, ?)"
_INSERT_END = """
INSERT INTO session_ends (session, ended_at, reason, return, success, violations, regret, outcome, tokens)
SELECT ?, ?, ?, total(reward), ?, ?, ?, ?, coalesce(sum(result_size + length(arguments)), 0) / 4
FROM steps WHERE session = ?
"""


def insert_end(
    connection: sqlite3.Connection,
    session_id: str,
    reason: str,
    now: float,
    outcome: Mapping[str, Any] | None,
) -> None:
    """Write a session's end within the caller's transaction; the return is the sum over its steps.

    `tokens` is an estimate: a quarter of the characters of arguments and results.
    """
    success, violations, regret, text = None, None, None, None
    if outcome is not None:
        success, regret = outcome.get("success"), outcome.get("regret")
        violations, text = dump_text(outcome.get("violations", [])), dump_text(outcome)
    connection.execute(_INSERT_END, (session_id, now, reason, success, violations, regret, text, session_id))


def insert_end_once(connection: sqlite3.Connection, session_id: str, reason: str, now: float) -> None:
    """Write a session's end without an outcome, unless it has ended already."""
    ended = "SELECT 1 FROM session_ends WHERE session = ?"
    if not connection.execute(ended, (session_id,)).fetchone():
        insert_end(connection, session_id, reason, now, None)


def insert_whole(
    connection: sqlite3.Connection,
    start: SessionStart,
    steps: Iterable[Step],
    *,
    reason: str,
    outcome: Mapping[str, Any] | None,
    ended_at: float | None = None,
) -> None:
    """Write a session that has ended, with all its steps, within the caller's transaction.

    Its steps have the time of its end, in seconds since 1970; without one, that of its start.
    """
    insert_start(connection, start)
    now = start.started_at if ended_at is None else ended_at
    rows = [step_row(start.id, step, now) for step in steps]
    connection.executemany(_INSERT_BLOB, [blob for _, blob in rows if blob is not None])
    connection.executemany(_INSERT_STEP, [row for row, _ in rows])
    insert_end(connection, start.id, reason, now, outcome)


def insert_copies(connection: sqlite3.Connection, start: SessionStart) -> None:
    """Write the parent's steps up to `parent_turn` as the session's own, within the caller's transaction."""
    values = {"id": start.id, "now": start.started_at, "parent": start.parent, "last": start.parent_turn}
    connection.execute(_COPY_STEPS, values)
    ended = connection.execute(
        "SELECT outcome FROM steps WHERE session = :id AND (terminated OR truncated)", values
    ).fetchone()
    if ended:
        insert_end(connection, start.id, EPISODE_OVER, start.started_at, load(ended[0]))


def _refusal(error: Exception, session_id: str, turn: int) -> Exception:
    words = str(error)
    if "FOREIGN KEY" in words:
        return SessionEnded(f"there is no session {session_id}; it may have been forgotten")
    if "closed" in words:
        return SessionEnded(f"session {session_id} is closed")
    if "taken" in words or "UNIQUE" in words:
        return TurnTaken(f"turn {turn} of session {session_id} is in the log already")
    if "gap" in words:
        return TurnTaken(f"turn {turn} of session {session_id} does not follow the last one in the log")
    return error
