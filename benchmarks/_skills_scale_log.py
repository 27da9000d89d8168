"""Large logs: real sessions, copied in bulk with fresh ids and values.

A thousand sessions of the scripted agent, which slips in one call of twenty, are played and recorded as any
other. A copy is one INSERT ... SELECT for each table, with every trigger in force. Each copied session has an
id and a task of its own: another card, another day (consistent in the task, the calls and the results; the
days of a flexible wish and of a booking that is there already stay, since the world knows more of them) and a
word in its instruction. Results are copied whole; a session takes about 13 kB, a log of 100,000 about 1.4 GB.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from practicum.envs import Episode, Task, find
from practicum.memory import Log, SessionRecorder, SessionStart, Store, new_session_id
from practicum.memory.rows import dump_text
from practicum.training.agents import play_episode, scripted_agent

NOISE = 0.05
FLIGHT = find("flight")


def play(path: Path, sessions: int) -> list[tuple[str, Task]]:
    """Record so many real sessions; returns their ids and tasks."""
    store = Store.open(path)
    log = Log(store)
    played = []
    for task in FLIGHT.tasks().split("train").take(sessions):
        session_id = new_session_id()
        log.start(SessionStart(id=session_id, env="flight-v1", task=task))
        episode = Episode(FLIGHT(), task, recorder=SessionRecorder(log, session_id))
        play_episode(episode, scripted_agent("flight", seed=task.seed, noise=NOISE))
        played.append((session_id, task))
    store.close()
    return played


def extend(path: Path, played: list[tuple[str, Task]], copies: range) -> None:
    """Add copies of the real sessions, each number a copy of all of them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("sha256", 1, _sha256, deterministic=True)
        for pragma in ("synchronous = OFF", "cache_size = -200000", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(_COPIES)
        for number in copies:
            connection.execute("BEGIN")
            connection.execute("DELETE FROM temp.copies")
            connection.executemany(_INSERT_COPY, _copied(played, number))
            for statement in _INSERTS:
                connection.execute(statement)
            connection.execute("COMMIT")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _copied(played: list[tuple[str, Task]], number: int) -> Iterator[tuple[str | int | float, ...]]:
    for parent, original in played:
        task = _fresh(original, number)
        old, new = original.params, task.params
        yield (
            new_session_id(), parent, task.hash, task.seed, task.instruction, dump_text(task.as_json()),
            old.get("card_token", "-"), new.get("card_token", "-"), old["date"], new["date"], 1000.0 * number,
        )  # fmt: skip


def _fresh(task: Task, number: int) -> Task:
    """The same wish of another customer; of the train split, like the original."""
    params = dict(task.params)
    if params["kind"] == "book":
        params["card_token"] = f"tok_{number:03d}{params['card_token'][7:]}"
        if not params["flex_days"]:
            day = dt.date.fromisoformat(params["date"]) + dt.timedelta(days=4 * number)
            params["date"] = day.isoformat()
    tries = (replace(task, params=params, instruction=f"{task.instruction} #{number}.{n}") for n in range(99))
    return next(made for made in tries if made.split == "train")


_COPIES = """
CREATE TEMP TABLE copies (
    id TEXT, parent TEXT PRIMARY KEY, task TEXT, seed INTEGER, instruction TEXT, body TEXT,
    old_card TEXT, new_card TEXT, old_day TEXT, new_day TEXT, later REAL
) WITHOUT ROWID
"""
_INSERT_COPY = "INSERT INTO temp.copies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEPT_OF_START = (
    "purpose, principal, client_name, client_version, protocol_version, tools_fingerprint, min_try,"
    " replayable, outside, marks"
)
_KEPT_OF_STEP = (
    "reward, terminated, truncated, read_only, via_skill, latency_us, error, result_size, terms, outcome,"
    " outside, thought"
)
_KEPT_OF_END = "reason, return, success, violations, regret, outcome, tokens"
_ARGUMENTS = "replace(replace(arguments, old_card, new_card), old_day, new_day)"
_RESULT = "replace(replace(result, old_card, new_card), old_day, new_day)"
_INSERTS = (
    """INSERT INTO tasks (hash, env, version, seed, split, instruction, body)
    SELECT copies.task, 'flight', 1, seed, 'train', instruction, body FROM temp.copies""",
    f"""INSERT INTO session_starts (id, started_at, env, task, task_id, task_difficulty, {_KEPT_OF_START})
    SELECT copies.id, started_at + later, env, copies.task, task_id, task_difficulty, {_KEPT_OF_START}
    FROM temp.copies CROSS JOIN session_starts ON session_starts.id = copies.parent""",
    f"""INSERT INTO steps (session, turn, tool, time, arguments, result, result_hash, {_KEPT_OF_STEP})
    SELECT id, turn, tool, time, arguments, result, sha256(result), {_KEPT_OF_STEP} FROM (
        SELECT copies.id, turn, tool, time + later AS time, {_ARGUMENTS} AS arguments, {_RESULT} AS result,
            {_KEPT_OF_STEP}
        FROM temp.copies CROSS JOIN steps ON steps.session = copies.parent
    )""",
    f"""INSERT INTO session_ends (session, ended_at, {_KEPT_OF_END})
    SELECT copies.id, ended_at + later, {_KEPT_OF_END}
    FROM temp.copies CROSS JOIN session_ends ON session_ends.session = copies.parent""",
)
