"""Sessions: episodes as they were recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from practicum.envs.episodes import Step
from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER, Task
from practicum.memory.rows import STEP_COLUMNS, load, load_answers, read_step
from practicum.memory.starts import SessionStart
from practicum.memory.store import Store

PAGE = 256
"""Steps read at a time."""
FEW = 1000
"""So many sessions of an environment are gathered and sorted; of more, the newest are found by going back."""


@dataclass(frozen=True, kw_only=True)
class Session(SessionStart):
    """An episode as recorded: how it began, and how it stands."""

    steps: int
    """How many there are; the number of the last turn."""
    total_reward: float
    last_time: float | None
    """When the last step was written, in seconds since 1970."""
    ended_at: float | None
    reason: str | None
    """Why it ended: `episode` (world or step limit), or what `Log.close` was told; None while open."""
    outcome: Mapping[str, Any] | None
    """Success, violations and regret; None without an end of the world's own."""
    tokens: int | None
    """Estimate, once it has ended."""

    @property
    def open(self) -> bool:
        """Whether it takes more steps."""
        return self.ended_at is None

    @property
    def success(self) -> bool | None:
        """Whether it came to the right end; None while that is not known."""
        return None if self.outcome is None else bool(self.outcome["success"])


@dataclass(frozen=True, slots=True)
class Outline:
    """A session in outline: what is known of it without reading its task or its steps."""

    id: str
    env: str
    """Short name of its environment."""
    principal: str
    started_at: float
    ended_at: float | None
    reason: str | None
    """As in `Session`."""


Listing = list[Session]
Outlines = list[Outline]
Rows = list[dict[str, Any]]


class Sessions:
    """Reads sessions. Where a method takes a principal, None stands for any."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, session_id: str, principal: str | None) -> Session | None:
        """A session by its id; None where there is none, or it is another principal's."""
        found = self._where(f"id = :id AND {_whose(principal)}", id=session_id, principal=principal)
        return found[0] if found else None

    def by_token(self, token_hash: str) -> Outline | None:
        """The session that a scoped token was made for, open or ended."""
        found = self.store.read(f"{_OUTLINE} WHERE token_hash = ?", (token_hash,))
        return Outline(**found[0]) if found else None

    def list(
        self,
        principal: str | None,
        env: str | None = None,
        *,
        limit: int = 50,
        before: str | None = None,
        purpose: str | None = None,
        failed: bool = False,
    ) -> Listing:
        """Sessions, newest first.

        Args:
            principal: whose.
            env: `flight`, `flight-v1`, or the name that they were opened by.
            limit: at most so many.
            before: the id of a session; go on with those older than it.
            purpose: only those that were opened for it.
            failed: only those that came to a wrong end.
        """
        conditions = [_whose(principal), "true" if env is None else self._in_env(env)]
        if purpose is not None:
            conditions.append("purpose = :purpose")
        if failed:
            conditions.append("success = 0")
        if before is not None:
            conditions.append(_OLDER)
        return self._where(
            f"{' AND '.join(conditions)} ORDER BY started_at DESC, number DESC LIMIT :limit",
            principal=principal, env=env, purpose=purpose, before=before, limit=limit,
        )  # fmt: skip

    def _in_env(self, env: str) -> str:
        """The condition for an environment; few sessions are named one by one, many are met soon anyway."""
        name, _, version = env.rpartition("-v")
        names = {"env": env, "name": name, "version": version, "most": FEW + 1}
        found = self._rows(_NUMBERS_IN_ENV, names)
        if len(found) > FEW:
            return ":env IN (env, env_name, env_name || '-v' || env_version)"
        return f"number IN ({', '.join(str(row['number']) for row in found)})"

    def open_of(self, principal: str | None) -> Outlines:
        """Sessions that have not ended, newest first."""
        sql = f"""{_OUTLINE} JOIN open_sessions ON open_sessions.number = starts.number
            WHERE {_whose(principal, "open_sessions.principal")} ORDER BY open_sessions.number DESC"""
        return [Outline(**row) for row in self.store.read(sql, {"principal": principal})]

    def count_open(self, principal: str | None) -> int:
        """How many sessions have not ended."""
        sql = f"SELECT count(*) AS n FROM open_sessions WHERE {_whose(principal)}"  # noqa: S608  # of ours
        return int(self.store.read(sql, {"principal": principal})[0]["n"])

    def resolve(self, prefix: str, principal: str | None = None) -> Session:
        """The one session whose id begins with `prefix`.

        Raises:
            UsageError: there is none, or more than one.
        """
        found = self._where(
            f"""id >= :prefix AND id < :prefix || 'g' AND {_whose(principal)}
            ORDER BY id LIMIT 3""",
            prefix=prefix, principal=principal,
        )  # fmt: skip
        if not found:
            raise UsageError(f"no session {prefix!r}; `practicum sessions` lists them")
        if len(found) > 1:
            known = ", ".join(session.id[: len(prefix) + 4] for session in found)
            raise UsageError(f"{prefix!r} begins more than one session ({known} …); give more of the id")
        return found[0]

    def count(self) -> int:
        """How many sessions there are."""
        return int(self.store.read("SELECT count(*) AS n FROM session_starts")[0]["n"])

    def played_seed(self, principal: str, env: str, version: int, seed: int) -> bool:
        """Whether a principal has a session of a seed; `env` without its version."""
        sql = """SELECT 1 FROM tasks JOIN session_starts ON session_starts.task = tasks.hash
            WHERE tasks.env = ? AND tasks.version = ? AND tasks.seed = ? AND principal = ? LIMIT 1"""
        return bool(self.store.read(sql, (env, version, seed, principal)))

    def played_task(self, principal: str, task_hash: str) -> bool:
        """Whether a principal has a session of a task."""
        sql = "SELECT 1 FROM session_starts WHERE task = ? AND principal = ? LIMIT 1"
        return bool(self.store.read(sql, (task_hash, principal)))

    def task(self, name: str, principal: str | None = None) -> Task | None:
        """A task that a principal has played, by its hash or else by its id (the one played last)."""
        for column in ("task", "task_id"):
            condition = f"{column} = :name AND {_whose(principal)} ORDER BY number DESC LIMIT 1"
            found = self._where(condition, name=name, principal=principal)
            if name and found:
                return found[0].task
        return None

    def steps(self, session_id: str, first: int = 1, last: int | None = None) -> Iterator[Step]:
        """A session's steps in their order, from turn `first` to turn `last`, both included."""
        return (step for step, _ in self.hashed_steps(session_id, first, last))

    def hashed_steps(
        self, session_id: str, first: int = 1, last: int | None = None
    ) -> Iterator[tuple[Step, str]]:
        """As `steps`, each with the hash that its result had when it was written."""
        first, last = _kept(first), None if last is None else _kept(last)
        while True:
            rows = self.store.read(_STEPS, {"id": session_id, "first": first, "last": last, "page": PAGE})
            for row in rows:
                yield read_step(row), row["result_hash"]
            if len(rows) < PAGE:
                return
            first = rows[-1]["turn"] + 1

    def step(self, session_id: str, turn: int) -> Step | None:
        """One step; None where the session has no such turn."""
        return next(self.steps(session_id, turn, turn), None)

    def size(self, session_id: str, last: int) -> int:
        """Characters that a copy of the turns up to `last` takes; large results are stored once for all."""
        values = {"id": session_id, "last": _kept(last)}
        return int(self.store.read(_SIZE, values)[0]["n"])

    def arguments(self, session_id: str, tools: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """What a session's calls of some tools were given, each with its tool, in their order."""
        if not tools:
            return
        wanted = ", ".join("?" * len(tools))
        sql = f"SELECT tool, arguments FROM steps WHERE session = ? AND tool IN ({wanted}) ORDER BY turn"  # noqa: S608  # marks alone
        for row in self.store.read(sql, (session_id, *tools)):
            yield row["tool"], load(row["arguments"])

    def _where(self, condition: str, **values: Any) -> Listing:
        sql = f"SELECT * FROM sessions WHERE {condition}"  # noqa: S608  # conditions of ours
        return [read_session(row) for row in self._rows(sql, values)]

    def _rows(self, sql: str, values: Mapping[str, Any]) -> Rows:
        try:
            return self.store.read(sql, values)
        except UnicodeEncodeError:  # a lone surrogate, which no text in the file has
            return []


def _kept(turn: int) -> int:
    """The turn, or where it is none that the file can hold the nearest that is, which no step has."""
    return max(0, min(turn, LARGEST_INTEGER))


def _whose(principal: str | None, column: str = "principal") -> str:
    return "true" if principal is None else f"{column} = :principal"


_OUTLINE = """
SELECT starts.id, tasks.env, starts.principal, started_at, ended_at, reason
FROM session_starts AS starts JOIN tasks ON tasks.hash = starts.task
LEFT JOIN session_ends AS ends ON ends.session = starts.id
"""
_OLDER = "(started_at, number) < (SELECT started_at, number FROM session_starts WHERE id = :before)"
_NUMBERS_IN_ENV = """
SELECT number FROM session_starts WHERE env = :env
UNION ALL
SELECT number FROM tasks CROSS JOIN session_starts ON session_starts.task = tasks.hash
WHERE tasks.env = :env OR (tasks.env = :name AND version = :version)
LIMIT :most
"""
_STEPS = f"""
SELECT {", ".join(STEP_COLUMNS[:-1])}, coalesce(steps.result, blobs.body) AS result
FROM steps LEFT JOIN blobs ON blobs.hash = steps.blob
WHERE session = :id AND turn >= :first AND (:last IS NULL OR turn <= :last)
ORDER BY turn LIMIT :page
"""  # noqa: S608  # names of ours
_SIZE = """
SELECT coalesce(sum(length(arguments) + coalesce(length(result), 0) + coalesce(length(outside), 0)
    + coalesce(length(thought), 0) + coalesce(length(error), 0)), 0) AS n
FROM steps WHERE session = :id AND turn <= :last
"""


def read_session(row: Mapping[str, Any]) -> Session:
    """The session of a row of the view `sessions`."""
    task = Task.from_json(load(row["task_body"]))
    if (task.id, task.difficulty) != (row["task_id"], row["task_difficulty"]):
        task = replace(task, id=row["task_id"], difficulty=row["task_difficulty"])
    return Session(
        id=row["id"],
        env=row["env"],
        task=task,
        purpose=row["purpose"],
        principal=row["principal"],
        client_name=row["client_name"],
        client_version=row["client_version"],
        protocol_version=row["protocol_version"],
        tools_fingerprint=row["tools_fingerprint"],
        parent=row["parent"],
        parent_turn=row["parent_turn"],
        min_try=row["min_try"],
        replayable=bool(row["replayable"]),
        token_hash=row["token_hash"],
        started_at=row["started_at"],
        outside=load_answers(row["outside"]),
        marks=load(row["marks"]),
        opening=row["opening"],
        steps=row["steps"],
        total_reward=row["return"],
        last_time=row["last_time"],
        ended_at=row["ended_at"],
        reason=row["reason"],
        outcome=load(row["outcome"]),
        tokens=row["tokens"],
    )
