"""Witnesses: the sessions that a skill's program stands on, and what goes when they are forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from practicum.memory.leases import forget_reading
from practicum.memory.skill_rows import change


def are_there(connection: sqlite3.Connection, sessions: Iterable[str]) -> bool:
    """Whether all of some sessions are still in the file."""
    sql = "SELECT 1 FROM session_starts WHERE id = ?"
    return all(connection.execute(sql, (session,)).fetchone() for session in sessions)


def insert_witnesses(
    connection: sqlite3.Connection, name: str, version: int, witnesses: Mapping[str, Iterable[str]]
) -> None:
    """Write in which sessions each of a version's constants was seen.

    A constant is named by its place in the program; under the empty name stand sessions that the program
    itself was mined from.
    """
    rows = [(name, version, place, session) for place, found in witnesses.items() for session in found]
    connection.executemany("INSERT OR IGNORE INTO skill_witnesses VALUES (?, ?, ?, ?)", rows)


def retire_unsupported(connection: sqlite3.Connection, forgotten: str, now: float) -> list[str]:
    """Retire the skills that stand on sessions about to be forgotten, programs deleted; returns which.

    A skill goes where one of its constants is left with witnesses in fewer than three tasks (once it was
    promoted, also of fewer than three principals), or where no session that it was mined from is left. Mining
    reads what remains anew. For `forget`, which lifts the triggers that refuse to delete.

    Args:
        connection: within the caller's transaction.
        forgotten: the table of the sessions' ids, in a column `id`.
        now: seconds since 1970.
    """
    fallen = connection.execute(_UNSUPPORTED.format(forgotten=forgotten)).fetchall()
    for name, version, principal, env in fallen:
        for table in ("skill_versions", "skill_witnesses"):
            sql = f"DELETE FROM {table} WHERE name = ? AND version = ?"  # noqa: S608  # names of ours
            connection.execute(sql, (name, version))
        why = {"reason": "its sessions are forgotten"}
        change(connection, "retired", (name, version), why, now)
        forget_reading(connection, principal, env)
    return [f"{name} version {version}" for name, version, _, _ in fallen]


LEAST_TASKS = 3
"""Tasks, and once a skill is promoted principals, in which each of its constants was seen."""
_UNSUPPORTED = f"""
SELECT DISTINCT skills.name, skills.version, skills.principal, skills.env
FROM skill_witnesses AS witnesses JOIN skills USING (name, version)
LEFT JOIN session_starts AS starts
    ON starts.id = witnesses.session AND starts.id NOT IN (SELECT id FROM {{forgotten}})
GROUP BY witnesses.name, witnesses.version, witnesses.constant
HAVING sum(starts.id IS NULL) AND CASE witnesses.constant
    WHEN '' THEN count(starts.id) = 0
    ELSE count(DISTINCT starts.task) < {LEAST_TASKS}
        OR (skills.shared AND count(DISTINCT starts.principal) < {LEAST_TASKS})
    END
"""  # noqa: S608  # names of ours
