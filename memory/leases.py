"""Leases: which process does a job that one at a time does, and how far it has read."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from practicum.memory.rows import dump_text, load
from practicum.memory.store import Store


def take_lease(connection: sqlite3.Connection, name: str, holder: str, *, now: float, until: float) -> bool:
    """Take or prolong a lease within the caller's transaction; False where another's has not run out.

    Args:
        connection: within whose transaction.
        name: of the job.
        holder: who takes it, unique among processes.
        now: seconds since 1970.
        until: when it runs out.
    """
    found = connection.execute(
        "INSERT INTO leases VALUES (:name, :holder, :until) ON CONFLICT DO UPDATE SET "
        "holder = excluded.holder, until = excluded.until WHERE holder = excluded.holder OR until <= :now",
        {"name": name, "holder": holder, "now": now, "until": until},
    )
    return found.rowcount > 0


def give_lease_back(connection: sqlite3.Connection, name: str, holder: str) -> None:
    """Give a lease back; nothing where it is another holder's by now."""
    connection.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))


def jobs_read(store: Store, principal: str, env: str) -> dict[str, list[int]]:
    """What mining knew of each job of a principal's, as `put_read` kept it."""
    found = store.read("SELECT jobs FROM mined_up_to WHERE principal = ? AND env = ?", (principal, env))
    jobs: dict[str, list[int]] = load(found[0]["jobs"]) if found else {}
    return jobs


def put_read(
    connection: sqlite3.Connection, principal: str, env: str, *, ended: int, jobs: Mapping[str, Sequence[int]]
) -> None:
    """Remember how far mining has read, within the caller's transaction.

    Args:
        connection: within whose transaction.
        principal: whose sessions.
        env: short name of their environment.
        ended: the number of the last session end.
        jobs: what was known of each job, in numbers.
    """
    row = (principal, env, ended, dump_text(jobs))
    connection.execute("INSERT OR REPLACE INTO mined_up_to VALUES (?, ?, ?, ?)", row)


def forget_reading(connection: sqlite3.Connection, principal: str, env: str) -> None:
    """Have the next mining read from the beginning."""
    connection.execute("DELETE FROM mined_up_to WHERE principal = ? AND env = ?", (principal, env))


@dataclass(frozen=True, slots=True)
class Unread:
    """Sessions that have ended and that mining has not read."""

    principal: str
    env: str
    """Short name of their environment."""
    sessions: int
    last: int
    """Number of the last end."""


def unread(store: Store, *, everything: bool = False) -> list[Unread]:
    """What mining has not read, of sessions of practice or imported that came to an end of the world's own.

    Args:
        store: the file.
        everything: what it has read as well.
    """
    return [Unread(**row) for row in store.read(_UNREAD, {"everything": everything})]


_UNREAD = """
SELECT starts.principal, tasks.env, count(*) AS sessions, max(ends.number) AS last
FROM session_ends AS ends
JOIN session_starts AS starts ON starts.id = ends.session
JOIN tasks ON tasks.hash = starts.task
LEFT JOIN mined_up_to ON mined_up_to.principal = starts.principal AND mined_up_to.env = tasks.env
WHERE (:everything OR ends.number > coalesce(mined_up_to.ended, 0))
AND ends.success IS NOT NULL AND starts.purpose IN ('practice', 'import')
GROUP BY starts.principal, tasks.env ORDER BY starts.principal, tasks.env
"""
