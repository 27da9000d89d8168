"""Migrations: how the database came to its present form, in numbered steps, never edited once released.

A table about sessions names the session's id in a column `session`, a second one in `other_session`;
`practicum forget` finds it by that.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from practicum.envs.errors import UsageError
from practicum.memory.score_tables import SCORE_TABLES
from practicum.memory.skill_tables import SKILL_TABLES

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x50524143
"""`PRAC`, in the header of every file of ours."""

Connect = Callable[[], sqlite3.Connection]


def m001_log(db: Database) -> None:
    """The log: sessions, their steps and ends, events, large results, tasks."""
    db.executescript(_LOG)
    for table in ("tasks", "session_starts", "steps", "session_ends", "events", "blobs"):
        db.executescript(_append_only(table))


_LOG = """
CREATE TABLE tasks (
    hash TEXT PRIMARY KEY NOT NULL,
    env TEXT NOT NULL,
    version INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    split TEXT NOT NULL,
    instruction TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX tasks_by_seed ON tasks (env, version, seed);

CREATE TABLE session_starts (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    started_at REAL NOT NULL,
    env TEXT NOT NULL,
    task TEXT NOT NULL REFERENCES tasks (hash),
    task_id TEXT NOT NULL,
    task_difficulty REAL NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('practice', 'evaluation', 'verification', 'import')),
    principal TEXT NOT NULL,
    client_name TEXT,
    client_version TEXT,
    protocol_version TEXT,
    tools_fingerprint TEXT,
    parent TEXT,
    parent_turn INTEGER,
    min_try INTEGER NOT NULL,
    replayable INTEGER NOT NULL,
    token_hash TEXT,
    outside TEXT
);
CREATE INDEX session_starts_by_principal ON session_starts (principal, started_at);
CREATE INDEX session_starts_by_time ON session_starts (started_at);
CREATE INDEX session_starts_by_task ON session_starts (task);
CREATE INDEX session_starts_by_parent ON session_starts (parent) WHERE parent IS NOT NULL;
CREATE UNIQUE INDEX session_starts_by_token ON session_starts (token_hash) WHERE token_hash IS NOT NULL;

CREATE TABLE blobs (
    number INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
);

CREATE TABLE steps (
    number INTEGER PRIMARY KEY,
    session TEXT NOT NULL REFERENCES session_starts (id),
    turn INTEGER NOT NULL,
    tool TEXT NOT NULL,
    time REAL NOT NULL,
    reward REAL NOT NULL,
    terminated INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    read_only INTEGER NOT NULL,
    via_skill TEXT,
    latency_us INTEGER NOT NULL,
    error TEXT,
    result_hash TEXT NOT NULL,
    result_size INTEGER NOT NULL,
    blob TEXT REFERENCES blobs (hash),
    terms TEXT NOT NULL,
    outcome TEXT,
    arguments TEXT NOT NULL,
    outside TEXT,
    thought TEXT,
    result TEXT,
    UNIQUE (session, turn)
);
CREATE INDEX steps_by_blob ON steps (blob) WHERE blob IS NOT NULL;

CREATE TABLE session_ends (
    number INTEGER PRIMARY KEY,
    session TEXT NOT NULL UNIQUE REFERENCES session_starts (id),
    ended_at REAL NOT NULL,
    reason TEXT NOT NULL,
    return REAL NOT NULL,
    success INTEGER,
    violations TEXT,
    regret REAL,
    outcome TEXT,
    tokens INTEGER NOT NULL
);

CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX events_by_kind ON events (kind, time);

CREATE TRIGGER steps_follow_each_other BEFORE INSERT ON steps BEGIN
    SELECT CASE
        WHEN NEW.turn <= last THEN RAISE(ABORT, 'turn is taken')
        WHEN NEW.turn > last + 1 THEN RAISE(ABORT, 'turn leaves a gap')
    END FROM (SELECT coalesce(max(turn), 0) AS last FROM steps WHERE session = NEW.session);
    SELECT RAISE(ABORT, 'session is closed')
    WHERE EXISTS (SELECT 1 FROM session_ends WHERE session = NEW.session);
END;
CREATE TRIGGER session_starts_refuses_replace BEFORE INSERT ON session_starts
    WHEN EXISTS (SELECT 1 FROM session_starts WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'session exists'); END;
CREATE TRIGGER session_ends_refuses_replace BEFORE INSERT ON session_ends
    WHEN EXISTS (SELECT 1 FROM session_ends WHERE session = NEW.session)
    BEGIN SELECT RAISE(ABORT, 'session is closed'); END;
CREATE TRIGGER blobs_refuses_replace BEFORE INSERT ON blobs
    WHEN EXISTS (SELECT 1 FROM blobs WHERE hash = NEW.hash)
    BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER tasks_refuses_replace BEFORE INSERT ON tasks
    WHEN EXISTS (SELECT 1 FROM tasks WHERE hash = NEW.hash)
    BEGIN SELECT RAISE(IGNORE); END;

CREATE VIEW sessions AS
SELECT
    starts.*,
    tasks.env AS env_name,
    tasks.version AS env_version,
    tasks.seed AS seed,
    tasks.split AS split,
    tasks.body AS task_body,
    (SELECT count(*) FROM steps WHERE session = starts.id) AS steps,
    (SELECT time FROM steps WHERE session = starts.id ORDER BY turn DESC LIMIT 1) AS last_time,
    coalesce(ends.return, (SELECT sum(reward) FROM steps WHERE session = starts.id), 0.0) AS return,
    ends.ended_at,
    ends.reason,
    ends.success,
    ends.violations,
    ends.regret,
    ends.outcome,
    ends.tokens
FROM session_starts AS starts
JOIN tasks ON tasks.hash = starts.task
LEFT JOIN session_ends AS ends ON ends.session = starts.id;
"""


def m002_recall(db: Database) -> None:
    """What is never printed, which sessions are open, and the texts of tasks, for search.

    Sessions that are there already wait to be read for the index like new ones: `recall` knows their secrets.
    """
    db.executescript(_RECALL)


_RECALL = """
ALTER TABLE session_starts ADD COLUMN marks TEXT;
DROP INDEX session_starts_by_task;
CREATE INDEX session_starts_by_task ON session_starts (task, principal);

CREATE INDEX session_starts_by_env ON session_starts (env);

CREATE TABLE open_sessions (
    principal TEXT NOT NULL,
    number INTEGER NOT NULL,
    session TEXT NOT NULL,
    PRIMARY KEY (principal, number)
) WITHOUT ROWID;
INSERT INTO open_sessions
    SELECT principal, number, id FROM session_starts
    WHERE NOT EXISTS (SELECT 1 FROM session_ends WHERE session = session_starts.id);
CREATE TRIGGER session_starts_are_open AFTER INSERT ON session_starts
    BEGIN INSERT INTO open_sessions VALUES (NEW.principal, NEW.number, NEW.id); END;
CREATE TRIGGER session_ends_close AFTER INSERT ON session_ends
    BEGIN DELETE FROM open_sessions WHERE (principal, number) =
        (SELECT principal, number FROM session_starts WHERE id = NEW.session); END;

CREATE TABLE unread_sessions (number INTEGER PRIMARY KEY, session TEXT NOT NULL);
INSERT INTO unread_sessions SELECT number, id FROM session_starts;
CREATE TRIGGER session_starts_are_read AFTER INSERT ON session_starts
    BEGIN INSERT OR IGNORE INTO unread_sessions VALUES (NEW.number, NEW.id); END;
CREATE TRIGGER session_ends_are_read AFTER INSERT ON session_ends
    BEGIN INSERT OR IGNORE INTO unread_sessions
        SELECT number, id FROM session_starts WHERE id = NEW.session; END;

CREATE TABLE task_numbers (number INTEGER PRIMARY KEY, task TEXT NOT NULL UNIQUE REFERENCES tasks (hash));
CREATE VIRTUAL TABLE task_texts USING fts5 (
    env, instruction, params, tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE task_words USING fts5vocab (task_texts, 'row');
CREATE TABLE frequent_words (word TEXT PRIMARY KEY NOT NULL, tasks INTEGER NOT NULL) WITHOUT ROWID;
"""


def m003_skills(db: Database) -> None:
    """Skills: their programs, how they stand, what came of their uses, and who is mining."""
    db.executescript(SKILL_TABLES)
    for table in ("skill_versions", "skill_uses"):
        db.executescript(_append_only(table))


def m004_training(db: Database) -> None:
    """What steps are worth: scores, replies of judges, ratings by people; and which session is preferred."""
    db.executescript(SCORE_TABLES)
    for table in ("step_scores", "ratings", "preferences"):
        db.executescript(_append_only(table))


def m005_openings(db: Database) -> None:
    """What agents are shown first, which until then was made anew from the task."""
    columns = db.query("SELECT name FROM pragma_table_info('session_starts')")
    if "opening" not in [column["name"] for column in columns]:
        db.executescript("ALTER TABLE session_starts ADD COLUMN opening TEXT;")


def _append_only(table: str) -> str:
    return (
        f"CREATE TRIGGER {table}_refuses_update BEFORE UPDATE ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
        f"CREATE TRIGGER {table}_refuses_delete BEFORE DELETE ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
    )


MIGRATIONS: dict[str, Callable[[Database], None]] = {
    m.__name__: m for m in (m001_log, m002_recall, m003_skills, m004_training, m005_openings)
}


def migrate(connection: sqlite3.Connection, path: Path, connect: Connect) -> None:
    """Bring a file to the present form.

    Args:
        connection: the writing connection, outside any transaction.
        path: where the file is; a backup is put beside it before each migration.
        connect: opens another connection to the file, for the backup.

    Raises:
        UsageError: the file was written by a newer version.
    """
    _refuse_newer(connection, path)
    while missing := [name for name in MIGRATIONS if name not in _applied(connection)]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if missing[0] not in _applied(connection):
                _apply(connection, missing[0], path, connect)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _apply(connection: sqlite3.Connection, name: str, path: Path, connect: Connect) -> None:
    if _holds_anything(connection):
        _back_up(path.with_name(f"{path.name}.before-{name}"), connect)
    if not _applied(connection):
        connection.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY NOT NULL, time REAL NOT NULL)")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    from sqlite_utils import Database  # here alone: most starts find nothing to migrate

    MIGRATIONS[name](Database(connection, execute_plugins=False))
    connection.execute("INSERT INTO migrations VALUES (?, ?)", (name, time.time()))


def _holds_anything(connection: sqlite3.Connection) -> bool:
    """Whether there is something to lose: a new file has no backup of its first, empty form."""
    if not _applied(connection):
        return False
    tables = ("session_starts", "events")
    return any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608  # names of ours


def _back_up(target: Path, connect: Connect) -> None:
    os.close(os.open(target, os.O_RDWR | os.O_CREAT, 0o600))
    with closing(connect()) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def backups(path: Path) -> list[Path]:
    """The copies that migrations have left beside a database, oldest migration first."""
    return sorted(entry for entry in path.parent.iterdir() if entry.name.startswith(f"{path.name}.before-m"))


def refuse_foreign(path: Path) -> None:
    """See that a file is empty or ours; whatever it is, it stays as it is.

    SQLite would leave a write-ahead log beside another program's file, so the header is read as bytes first
    (https://sqlite.org/fileformat2.html#the_database_header).

    Raises:
        UsageError: it is no database, or holds somebody else's tables.
    """
    if not path.is_file():
        raise UsageError(f"cannot open the database {path}: it is no file; choose another with --db")
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header or _is_ours(header):
        return
    if not header.startswith(b"SQLite format 3\0"):
        raise UsageError(f"{path} is no Practicum database; choose another with --db")
    if _has_tables(header) or _log_has_tables(path):
        raise UsageError(f"{path} is another program's SQLite database; choose another with --db")


_HEADER_BYTES = 108
"""The file's header (100 bytes) and that of its first page, which lists the tables."""


def _is_ours(header: bytes) -> bool:
    return header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def _has_tables(header: bytes) -> bool:
    is_one_page = header[100:101] == b"\x0d"
    return not (is_one_page and header[103:105] == b"\0\0")


def _log_has_tables(path: Path) -> bool:
    """Whether a new file has somebody else's tables in its write-ahead log, where ours may be too."""
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return False
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        is_ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    return bool(tables) and not is_ours


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    if unknown := sorted(_applied(connection) - set(MIGRATIONS)):
        raise UsageError(
            f"{path} was written by a newer version of practicum (it has {unknown[-1]}, this one knows up to "
            f"{max(MIGRATIONS)}); upgrade practicum or choose another database with --db"
        )


def _applied(connection: sqlite3.Connection) -> set[str]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
        return set()
    return {name for (name,) in connection.execute("SELECT name FROM migrations")}
