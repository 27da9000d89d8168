"""Forget: remove what sessions contained for good, and leave a note that they existed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from practicum.envs.errors import UsageError
from practicum.memory.log import Log, insert_event
from practicum.memory.migrations import backups
from practicum.memory.skill_witnesses import retire_unsupported
from practicum.memory.store import Store


@dataclass(frozen=True)
class Tombstones:
    """What was forgotten."""

    sessions: tuple[str, ...]
    steps: int
    blobs: int
    """Large results that no other session has."""
    tasks: int
    """Tasks that no other session plays."""
    backups: tuple[Path, ...]
    """Backups that held one of the sessions, deleted."""
    backups_left: tuple[Path, ...]
    """Backups that hold one of them and could not be deleted."""
    remaining: tuple[str, ...]
    """What may still hold some of it and why, a line each."""
    skills: tuple[str, ...] = ()
    """Skills whose program stood on the sessions, retired and deleted; mining reads the others anew."""


def forget(store: Store, session_ids: Iterable[str] = (), *, before: float | None = None) -> Tombstones:
    """Remove the content of sessions from the database, its write-ahead log and its backups.

    The file is rewritten, so that no page keeps a trace; that takes the time and the free space of a copy.

    Args:
        store: the file.
        session_ids: which sessions.
        before: all sessions that began before this moment too, in seconds since 1970.

    Raises:
        UsageError: there is no such session.
        LogUnavailable: the database could not be written; nothing is forgotten.
    """
    ids = _chosen(store, tuple(session_ids), before)
    if not ids:
        return Tombstones((), 0, 0, 0, (), (), ())
    with store.lock:
        store.connection.execute("PRAGMA secure_delete = ON")
        steps, blobs, tasks, skills = _remove(store, ids)
        left = [*_wiped(store), *_forks(store, ids)]
    deleted, kept = _delete_backups(store.path, ids)
    left += [f"{backup}: could not be deleted: {reason}" for backup, reason in kept.items()]
    return Tombstones(ids, steps, blobs, tasks, tuple(deleted), tuple(kept), tuple(left), skills)


def _chosen(store: Store, ids: tuple[str, ...], before: float | None) -> tuple[str, ...]:
    for session_id in ids:
        if not store.read("SELECT 1 FROM session_starts WHERE id = ?", (session_id,)):
            raise UsageError(f"no session {session_id!r}; `practicum sessions` lists them")
    older = store.read("SELECT id FROM session_starts WHERE started_at < ? ORDER BY number", (before,))
    return tuple(dict.fromkeys([*ids, *(row["id"] for row in older)]))


def _remove(store: Store, ids: tuple[str, ...]) -> tuple[int, int, int, tuple[str, ...]]:
    """Delete every row about the sessions; returns how many steps, blobs and tasks, and which skills."""
    with Log(store).writing() as connection, _triggers_lifted(connection):
        connection.execute("PRAGMA defer_foreign_keys = ON")
        with _named(connection, ids):
            skills = retire_unsupported(connection, "temp.forgotten", time.time())
            removed = {place: _delete(connection, *place) for place in _columns_about_sessions(connection)}
            connection.execute("DELETE FROM session_starts WHERE id IN (SELECT id FROM temp.forgotten)")
            blobs = connection.execute(_DELETE_BLOBS).rowcount
            _leave_index(connection)
            tasks = connection.execute(_DELETE_TASKS).rowcount
        steps = removed["steps", "session"]
        insert_event(connection, "forgotten", {"sessions": ids, "steps": steps}, time.time())
    return steps, blobs, tasks, tuple(skills)


@contextmanager
def _triggers_lifted(connection: sqlite3.Connection) -> Iterator[None]:
    """Without the triggers that refuse DELETE; no other connection ever sees the database without them."""
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_refuses_delete'"
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    yield
    for _, sql in triggers:
        connection.execute(sql)


@contextmanager
def _named(connection: sqlite3.Connection, ids: tuple[str, ...]) -> Iterator[None]:
    """With temporary tables of the sessions and of the blobs and tasks that they use."""
    connection.execute("CREATE TEMP TABLE forgotten (id TEXT PRIMARY KEY)")
    connection.executemany("INSERT INTO temp.forgotten VALUES (?)", [(session_id,) for session_id in ids])
    connection.execute(
        "CREATE TEMP TABLE forgotten_blobs AS SELECT DISTINCT blob FROM steps "
        "WHERE session IN (SELECT id FROM temp.forgotten) AND blob IS NOT NULL"
    )
    connection.execute(
        "CREATE TEMP TABLE forgotten_tasks AS SELECT DISTINCT task FROM session_starts "
        "WHERE id IN (SELECT id FROM temp.forgotten)"
    )
    yield
    for table in ("forgotten", "forgotten_blobs", "forgotten_tasks"):
        connection.execute(f"DROP TABLE temp.{table}")


_DELETE_BLOBS = """
DELETE FROM blobs WHERE hash IN (SELECT blob FROM temp.forgotten_blobs)
AND NOT EXISTS (SELECT 1 FROM steps WHERE steps.blob = blobs.hash)
"""
_DELETE_TASKS = """
DELETE FROM tasks WHERE hash IN (SELECT task FROM temp.forgotten_tasks)
AND NOT EXISTS (SELECT 1 FROM session_starts WHERE session_starts.task = tasks.hash)
"""
_DELETE_TEXTS = """
DELETE FROM task_texts WHERE rowid IN (
    SELECT number FROM task_numbers WHERE task IN (SELECT task FROM temp.forgotten_tasks)
    AND NOT EXISTS (SELECT 1 FROM session_starts WHERE session_starts.task = task_numbers.task)
)
"""
_DELETE_NUMBERS = """
DELETE FROM task_numbers WHERE task IN (SELECT task FROM temp.forgotten_tasks)
AND NOT EXISTS (SELECT 1 FROM session_starts WHERE session_starts.task = task_numbers.task)
"""


def _leave_index(connection: sqlite3.Connection) -> None:
    """Take the tasks that nobody plays any more out of the search index, their words included."""
    connection.execute(_DELETE_TEXTS)
    if connection.execute(_DELETE_NUMBERS).rowcount:
        connection.execute("DELETE FROM frequent_words")
        connection.execute("INSERT INTO task_texts (task_texts) VALUES ('optimize')")  # no remains of words


def _columns_about_sessions(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Every table and its column that names sessions, those of later migrations included."""
    rows = connection.execute(
        "SELECT tables.name, columns.name FROM sqlite_master AS tables, "
        "pragma_table_info(tables.name) AS columns "
        "WHERE tables.type = 'table' AND columns.name IN ('session', 'other_session') "
        "ORDER BY tables.name, columns.name"
    )
    return [(table, column) for table, column in rows.fetchall()]


def _delete(connection: sqlite3.Connection, table: str, column: str) -> int:
    sql = f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM temp.forgotten)"  # noqa: S608  # names of ours
    return connection.execute(sql).rowcount


def _wiped(store: Store) -> Iterator[str]:
    """Rewrite the file and empty its write-ahead log; says what did not work."""
    try:
        store.connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        yield f"{store.path}: free pages were zeroed, but the file could not be rewritten: {error}"
    try:
        busy = store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError:
        busy = 1
    if busy:
        yield f"{store.path}-wal: another process is reading; it empties once that one is done"


def _forks(store: Store, ids: tuple[str, ...]) -> Iterator[str]:
    for row in store.read("SELECT id, parent, parent_turn FROM session_starts WHERE parent IS NOT NULL"):
        if row["parent"] in ids and row["parent_turn"]:
            yield f"session {row['id']}, a fork of {row['parent']}, has its first {row['parent_turn']} steps"


def _delete_backups(path: Path, ids: tuple[str, ...]) -> tuple[list[Path], dict[Path, str]]:
    """Delete those that hold one of the sessions; returns them, and why which one could not be."""
    deleted: list[Path] = []
    kept: dict[Path, str] = {}
    for backup in backups(path):
        if not _holds(backup, ids):
            continue
        try:
            backup.unlink()
        except OSError as error:
            kept[backup] = error.strerror or str(error)
        else:
            deleted.append(backup)
    return deleted, kept


def _holds(backup: Path, ids: tuple[str, ...]) -> bool:
    """Whether a backup has one of the sessions; one that cannot be read may."""
    try:
        with closing(sqlite3.connect(f"{backup.as_uri()}?immutable=1", uri=True)) as connection:
            known = {session_id for (session_id,) in connection.execute("SELECT id FROM session_starts")}
    except sqlite3.Error:
        return True
    return not known.isdisjoint(ids)
