"""How a session begins: what is written once, before its first step."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from practicum.envs.errors import UsageError, whole
from practicum.envs.outside import Answer
from practicum.envs.registry import find
from practicum.envs.tasks import Task
from practicum.memory.rows import dump_answers, dump_text

Purpose = Literal["practice", "evaluation", "verification", "import"]
Marks = Mapping[str, tuple[str, ...]]
"""The arguments that are never printed, by tool."""


@dataclass(frozen=True, kw_only=True)
class SessionStart:
    """How a session begins, and who plays it."""

    id: str
    """128 random bits in hex, as `new_session_id` makes them."""
    env: str
    """The name to `find()` the environment by, such as `flight-v1` or `file.py:Class`."""
    task: Task
    purpose: Purpose = "practice"
    principal: str = "local"
    client_name: str | None = None
    client_version: str | None = None
    protocol_version: str | None = None
    tools_fingerprint: str | None = None
    """Hash over the tools that the client was shown."""
    parent: str | None = None
    """The session that this one was forked from."""
    parent_turn: int | None = None
    """How many of the parent's steps this one begins with."""
    min_try: int = 1
    replayable: bool = True
    token_hash: str | None = None
    started_at: float = field(default_factory=time.time)
    """Seconds since 1970."""
    outside: tuple[Answer, ...] = ()
    """What the world was told from outside while it began."""
    marks: Marks | None = None
    """The log asks the environment where this is None."""
    opening: str | None = None
    """What the agent was shown first, as `Opening.text`; None where that is not known."""


class TooManyOpen(sqlite3.IntegrityError):
    """A principal had as many open sessions as it may have, so this one was not written."""

    def __init__(self, principal: str, found: int) -> None:
        super().__init__(f"{principal} has {found} open sessions")
        self.found = found


def new_session_id() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)


_INSERT_START = """
INSERT INTO session_starts (
    id, started_at, env, task, task_id, task_difficulty, purpose, principal, client_name, client_version,
    protocol_version, tools_fingerprint, parent, parent_turn, min_try, replayable, token_hash, outside, marks,
    opening
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def insert_start(
    connection: sqlite3.Connection, start: SessionStart, *, most_open: int | None = None
) -> None:
    """Write a session's beginning, and its task where it is new, within the caller's transaction.

    Raises:
        TooManyOpen: the principal has `most_open` sessions that have not ended.
    """
    if most_open is not None:
        _check_open(connection, start.principal, most_open)
    task = start.task
    marks = marked_arguments(start.env) if start.marks is None else start.marks
    body = dump_text(task.as_json())
    connection.execute(
        "INSERT INTO tasks (hash, env, version, seed, split, instruction, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (task.hash, task.env, task.version, task.seed, task.split, task.instruction, body),
    )
    connection.execute(
        _INSERT_START,
        (
            start.id, start.started_at, start.env, task.hash, task.id, task.difficulty, start.purpose,
            start.principal, start.client_name, start.client_version, start.protocol_version,
            start.tools_fingerprint, start.parent, start.parent_turn, start.min_try, start.replayable,
            start.token_hash, dump_answers(start.outside), None if marks is None else dump_text(marks),
            None if start.opening is None else whole(start.opening),
        ),
    )  # fmt: skip


def _check_open(connection: sqlite3.Connection, principal: str, most: int) -> None:
    counted = connection.execute("SELECT count(*) FROM open_sessions WHERE principal = ?", (principal,))
    if (found := counted.fetchone()[0]) >= most:
        raise TooManyOpen(principal, found)


def marked_arguments(env: str) -> Marks | None:
    """The arguments of an environment's tools that are never printed; None where it cannot be found."""
    try:
        return _marks_of(env)
    except UsageError:
        return None


@lru_cache(maxsize=256)
def _marks_of(env: str) -> Marks:
    return {name: action.secrets for name, action in find(env).actions.items() if action.secrets}
