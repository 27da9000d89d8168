"""Recall: the past tasks that are nearest to a text, and what came of them.

Texts of tasks are indexed with FTS5 when somebody asks, not when a session begins: opening one stays cheap.
Sessions wait in `unread_sessions` when they begin and once more when they end, for by then it is known what
was given for their secret arguments; what a session's redactor hides is not in the index. All of it is a
cache: `rebuild_index` makes it anew from the log.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from practicum.memory.log import Log
from practicum.memory.redact import Redactor, task_redactor
from practicum.memory.rows import load
from practicum.memory.sessions import Session, Sessions
from practicum.memory.store import Store

PAGE = 200
"""Sessions that are read for the index in one transaction."""
LONGEST_TEXT = 20_000
"""Characters of a task's text, and of a query, that are read."""
LONGEST_WORD = 64
MOST_WORDS = 64
"""Words of a query that are looked for."""
MOST_HITS = 10_000
"""Words are looked for, the rarest first, until they are in so many tasks: each task costs time for every
word of it, and words that most tasks have tell none from another."""
FREQUENT = 50
"""One task in so many has a frequent word."""
FEW_TASKS = 256
"""With fewer tasks no word is counted; afterwards whenever there are twice as many."""
SESSIONS_EACH = 20
"""Sessions that are told of a task."""


@dataclass(frozen=True)
class PastSession:
    """A session of a past task."""

    id: str
    purpose: str
    started_at: float
    ended_at: float | None
    success: bool | None
    """None while that is not known."""
    total_reward: float | None
    """None while it is open."""


@dataclass(frozen=True)
class PastTask:
    """A task that was played, and what came of it."""

    hash: str
    env_id: str
    split: str
    text: str
    """Its instruction as it is indexed: without its secrets, cut where it is very long."""
    score: float
    """How near it is: BM25, larger is nearer; comparable within one answer alone."""
    sessions: tuple[PastSession, ...]
    """The principal's, newest first, at most 20."""


Progress = Callable[[int, int], None]
"""Told how many of how many sessions have been read for the index."""


def _untold(done: int, total: int) -> None:
    """Nobody asks."""


def recall(
    store: Store,
    query: str,
    *,
    principal: str | None,
    env: str | None = None,
    limit: int = 40,
    progress: Progress = _untold,
) -> list[PastTask]:
    """The tasks nearest to a text among those that a principal has played, the nearest first.

    What has come since the last search is indexed first; the first search of a large file takes a while.

    Args:
        store: the file.
        query: any text; words are looked for, nothing in it is an operator.
        principal: whose sessions count; None for anybody's.
        env: only this environment's, by its short name or with its version.
        limit: at most so many.
        progress: of the indexing.

    Raises:
        LogUnavailable: the index could not be written.
    """
    _read_sessions(store, progress)
    words = _words(query)
    if not words:
        return []
    match = " OR ".join(f'"{word}"' for word in _rarest(store, words))
    values = {"match": match, "principal": principal, "env": env, "limit": limit}
    return [_past_task(store, row, principal) for row in store.read(_NEAREST, values)]


def sessions_like(
    sessions: Sessions,
    query: str,
    *,
    principal: str | None,
    env: str | None = None,
    limit: int = 40,
    progress: Progress = _untold,
) -> list[Session]:
    """A principal's sessions whose tasks are nearest to a text, the nearest first, of each task the newest.

    Args and raises as `recall`.
    """
    tasks = recall(sessions.store, query, principal=principal, env=env, limit=limit, progress=progress)
    ids = [past.id for task in tasks for past in task.sessions][:limit]
    return [found for session_id in ids if (found := sessions.get(session_id, principal)) is not None]


def rebuild_index(store: Store, progress: Progress = _untold) -> int:
    """Make the index anew from the log; returns how many tasks it has.

    Raises:
        LogUnavailable: it could not be written.
    """
    with Log(store).writing() as connection:
        for table in ("task_texts", "task_numbers", "frequent_words"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  # names of ours
        connection.execute("INSERT INTO task_texts (task_texts) VALUES ('rebuild')")  # of nothing: no remains
        connection.execute("INSERT OR IGNORE INTO unread_sessions SELECT number, id FROM session_starts")
    _read_sessions(store, progress)
    return _count(store)


_NEAREST = """
SELECT tasks.hash, tasks.env || '-v' || tasks.version AS env_id, tasks.split,
    nearest.instruction AS text, -rank AS score
FROM task_texts AS nearest
JOIN task_numbers ON task_numbers.number = nearest.rowid
JOIN tasks ON tasks.hash = task_numbers.task
WHERE task_texts MATCH :match
AND (:env IS NULL OR :env IN (tasks.env, tasks.env || '-v' || tasks.version))
AND EXISTS (
    SELECT 1 FROM session_starts
    WHERE task = task_numbers.task AND (:principal IS NULL OR principal = :principal)
)
ORDER BY rank LIMIT :limit
"""
_SESSIONS = """
SELECT id, purpose, started_at, ended_at, success, return AS total_reward
FROM session_starts LEFT JOIN session_ends ON session_ends.session = session_starts.id
WHERE task = :task AND (:principal IS NULL OR principal = :principal)
ORDER BY session_starts.number DESC LIMIT :most
"""


def _past_task(store: Store, row: Mapping[str, Any], principal: str | None) -> PastTask:
    values = {"task": row["hash"], "principal": principal, "most": SESSIONS_EACH}
    found = store.read(_SESSIONS, values)
    return PastTask(**row, sessions=tuple(_past_session(each) for each in found))


def _past_session(row: Mapping[str, Any]) -> PastSession:
    success = row["success"]
    return PastSession(**{**row, "success": None if success is None else bool(success)})


# Words ------------------------------------------------------------------------------------------------


_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
"""Kana and Han, which are written without spaces: each character is a word."""


def _spaced(text: str) -> str:
    whole = text[:LONGEST_TEXT].encode("utf-8", "replace").decode()
    return _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", whole))


def _words(query: str) -> list[str]:
    """The words of a query, each once."""
    found = (word.lower() for word in _WORD.findall(_spaced(query)) if len(word) <= LONGEST_WORD)
    return list(dict.fromkeys(found))


def _rarest(store: Store, words: list[str]) -> list[str]:
    """The words that are worth looking for, the rarest first."""
    rows = store.read("SELECT word, tasks FROM frequent_words")
    tasks = {row["word"]: row["tasks"] for row in rows}
    rare = tasks.get("", 0) // FREQUENT
    costs = sorted((tasks.get(_folded(word), rare), place) for place, word in enumerate(words))
    chosen: list[str] = []
    hits = 0
    for cost, place in costs[:MOST_WORDS]:
        hits += cost
        if hits > MOST_HITS and chosen:
            break
        chosen.append(words[place])
    return chosen


def _folded(word: str) -> str:
    """A word as the tokenizer keeps it: small letters without diacritics."""
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part)).lower()


def _count(store: Store) -> int:
    return int(store.read("SELECT count(*) AS n FROM task_numbers")[0]["n"])


# Reading sessions for the index -----------------------------------------------------------------------


_UNREAD = """
SELECT starts.number, starts.id, starts.env, starts.marks, starts.task, tasks.env AS env_name, tasks.version,
    tasks.instruction, tasks.body
FROM unread_sessions JOIN session_starts AS starts ON starts.number = unread_sessions.number
JOIN tasks ON tasks.hash = starts.task LIMIT :page
"""
_INDEX = "INSERT INTO task_texts (rowid, env, instruction, params) VALUES (?, ?, ?, ?)"
_HIDE = "UPDATE task_texts SET instruction = ?, params = ? WHERE rowid = ?"


def _read_sessions(store: Store, progress: Progress) -> None:
    if not store.read("SELECT 1 FROM unread_sessions LIMIT 1"):
        return
    total = int(store.read("SELECT count(*) AS n FROM unread_sessions")[0]["n"])
    done = 0
    while read := _read_page(store):
        done += read
        progress(done, max(done, total))
    _count_words(store)


def _read_page(store: Store) -> int:
    """Read the sessions that wait, some at a time; returns how many."""
    with Log(store).writing() as connection:
        rows = _rows(connection, _UNREAD, {"page": PAGE})
        for row in rows:
            _read_session(store, connection, row)
    return len(rows)


def _rows(connection: sqlite3.Connection, sql: str, values: Any) -> list[dict[str, Any]]:
    found = connection.execute(sql, values)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _read_session(store: Store, connection: sqlite3.Connection, row: Mapping[str, Any]) -> None:
    """Index the task of a session, or hide in its texts what the session was given since."""
    params = load(row["body"])["params"]
    marks = load(row["marks"])
    redactor = task_redactor(Sessions(store), row["id"], env=row["env"], marks=marks, params=params)
    number = _number(connection, row["task"])
    known = connection.execute(
        "SELECT instruction, params FROM task_texts WHERE rowid = ?", (number,)
    ).fetchone()
    if known is None:
        env = f"{row['env_name']} {row['env_name']}-v{row['version']}"
        connection.execute(_INDEX, (number, env, *_texts(redactor, row["instruction"], params)))
    else:
        hidden = tuple(redactor.text(text) for text in known)
        if hidden != known:
            connection.execute(_HIDE, (*hidden, number))
    connection.execute("DELETE FROM unread_sessions WHERE number = ?", (row["number"],))


def _number(connection: sqlite3.Connection, task: str) -> int:
    """The number of a task in the index."""
    connection.execute("INSERT OR IGNORE INTO task_numbers (task) VALUES (?)", (task,))
    found = connection.execute("SELECT number FROM task_numbers WHERE task = ?", (task,))
    return int(found.fetchone()[0])


def _texts(redactor: Redactor, instruction: str, params: Any) -> tuple[str, str]:
    shown = redactor.value(params)
    return _spaced(redactor.text(instruction)), _spaced(" ".join(_strings(shown)))


def _strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value, without the keys."""
    if isinstance(value, str):
        yield value
    parts: Iterable[Any] = value.values() if isinstance(value, Mapping) else ()
    for part in value if isinstance(value, list) else parts:
        yield from _strings(part)


def _count_words(store: Store) -> None:
    """Count in how many tasks each frequent word is, when there are twice as many tasks as last time."""
    known = store.read("SELECT tasks FROM frequent_words WHERE word = ''")
    tasks = _count(store)
    if tasks < (2 * known[0]["tasks"] if known else FEW_TASKS):
        return
    with Log(store).writing() as connection:
        connection.execute("DELETE FROM frequent_words")
        connection.execute("INSERT INTO frequent_words VALUES ('', ?)", (tasks,))
        connection.execute(
            "INSERT INTO frequent_words SELECT term, doc FROM task_words WHERE doc > ?", (tasks // FREQUENT,)
        )
