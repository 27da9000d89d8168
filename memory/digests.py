"""Digests: a compact form of each ended session, kept beside the log so that mining need not read it again.

What stands in one is not known here: whoever makes them gives each a version, and reads those of its own.
All of them are a cache that can be made anew from the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from practicum.envs.episodes import Opening, Recorder, Step
from practicum.memory.log import Log, LogUnavailable
from practicum.memory.store import Store

PAGE = 128
"""Sessions whose steps are read at a time."""
DIGESTS_PAGE = 4096
LONGEST_RESULT = 65_536
"""Characters that are read of a result."""
MOST_STEPS = 1_000
"""Steps that are read of a session."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A session in compact form."""

    version: int
    """Of the rules that it was made by."""
    body: str


MakeDigest = Callable[[Opening, Sequence[Step]], Digest]
"""Makes the digest of an episode that has ended here."""


@dataclass(frozen=True, slots=True)
class Undigested:
    """A session that has no digest of the version asked for, as it stands in the log."""

    session: str
    env: str
    """The name to `find()` its environment by."""
    task_body: str
    steps: tuple[tuple[Any, ...], ...]
    """Each as `STEP_PARTS` names it."""


STEP_PARTS = ("turn", "tool", "arguments", "result", "error", "read_only", "via_skill")
"""`arguments` and `result` as JSON text; a long result is cut."""


@dataclass(frozen=True, slots=True)
class Digested:
    """A session with its digest."""

    number: int
    """Its place in the log."""
    session: str
    env: str
    """Short name of its environment."""
    env_version: int
    found_by: str
    """The name to `find()` its environment by."""
    task: str
    """Content hash."""
    started_at: float
    """Seconds since 1970."""
    success: bool
    body: str


class Digests:
    """The digests of one version: of ended, judged sessions that may be learned from.

    Those are sessions of the train split that were opened for practice or imported.

    Args:
        store: the file.
        version: digests of another one count as missing.
    """

    def __init__(self, store: Store, version: int) -> None:
        self._store = store
        self._version = version

    def missing(self, principal: str | None = None) -> Iterator[list[Undigested]]:
        """Sessions without a digest, oldest first, some at a time.

        Args:
            principal: whose; None for anybody's.
        """
        values = {"version": self._version, "principal": principal, "page": PAGE, "after": 0}
        while found := self._store.read(_MISSING, values):
            values["after"] = found[-1]["number"]
            steps = self._steps(found)
            yield [
                Undigested(row["id"], row["env"], row["body"], tuple(steps.get(row["number"], ())))
                for row in found
            ]

    def _steps(self, found: Sequence[Mapping[str, Any]]) -> dict[int, list[tuple[Any, ...]]]:
        numbers = ", ".join(str(row["number"]) for row in found)
        steps: dict[int, list[tuple[Any, ...]]] = {}
        for number, *parts in self._store.reader().execute(_STEPS.format(numbers=numbers)):
            steps.setdefault(number, []).append(tuple(parts))
        return steps

    def read(self, principal: str | None = None, env: str | None = None) -> Iterator[Digested]:
        """Sessions with their digests, in the order in which they began.

        Args:
            principal: whose; None for anybody's.
            env: the short name of an environment; None for any.
        """
        values = {"version": self._version, "principal": principal, "env": env, "after": 0}
        values["page"] = DIGESTS_PAGE
        while found := self._store.reader().execute(_READ, values).fetchall():
            values["after"] = found[-1][0]
            yield from map(_digested, found)

    def at(self, numbers: Iterable[int]) -> list[Digested]:
        """The sessions at some places in the log, in the order given; forgotten ones are left out."""
        wanted = [int(number) for number in numbers]
        found: dict[int, Digested] = {}
        for first in range(0, len(wanted), PAGE):
            listed = ", ".join(map(str, wanted[first : first + PAGE]))
            for row in self._store.reader().execute(_AT.format(numbers=listed)):
                found[row[0]] = _digested(row)
        return [found[number] for number in wanted if number in found]


def _digested(row: tuple[Any, ...]) -> Digested:
    number, session, env, version, found_by, task, started_at, success, body = row
    return Digested(number, session, env, version, found_by, task, started_at, bool(success), body)


class DigestingRecorder:
    """Keeps an episode's steps as the recorder it is given does, and its digest with the last of them.

    Whoever has all the steps at hand spares the next mining from reading them again; a session that was
    rebuilt from the log has not, and gets its digest from the mining.

    Args:
        recorder: keeps the steps.
        store: the file, for the digest.
        session_id: the session's.
        make: makes the digest.
    """

    def __init__(self, recorder: Recorder, store: Store, session_id: str, *, make: MakeDigest) -> None:
        self._recorder = recorder
        self._store = store
        self._session_id = session_id
        self._make = make
        self._opening: Opening | None = None
        self._steps: list[Step] = []

    def opened(self, opening: Opening) -> None:
        """Remember the beginning."""
        self._opening = opening
        self._recorder.opened(opening)

    def record(self, step: Step) -> None:
        """Keep the step; after the last one the digest too, if all steps came by and it can be written.

        Raises:
            Whatever the recorder raises: the step was not kept.
        """
        self._recorder.record(step)
        self._steps.append(step)
        if step.done and self._opening is not None and len(self._steps) == step.turn:
            with suppress(LogUnavailable):
                write_digests(self._store, [(self._session_id, self._make(self._opening, self._steps))])


def write_digests(store: Store, digests: Iterable[tuple[str, Digest]]) -> None:
    """Keep digests by session, in place of those before; one of a forgotten session is let go.

    Raises:
        LogUnavailable: they could not be written.
    """
    rows = [(digest.version, digest.body, session_id) for session_id, digest in digests]
    with Log(store).writing() as connection:
        connection.executemany(_INSERT, rows)


_INSERT = """
INSERT OR REPLACE INTO digests (number, session, version, body)
SELECT number, id, ?, ? FROM session_starts WHERE id = ?
"""
_LEARNABLE = """
starts.purpose IN ('practice', 'import') AND tasks.split = 'train' AND ends.success IS NOT NULL
AND (:principal IS NULL OR starts.principal = :principal)
"""
_MISSING = f"""
SELECT starts.number, starts.id, starts.env, tasks.body
FROM session_starts AS starts
CROSS JOIN session_ends AS ends ON ends.session = starts.id
CROSS JOIN tasks ON tasks.hash = starts.task
WHERE starts.number > :after AND {_LEARNABLE}
AND NOT EXISTS (SELECT 1 FROM digests WHERE number = starts.number AND version = :version)
ORDER BY starts.number LIMIT :page
"""  # noqa: S608  # conditions of ours
_STEPS = f"""
SELECT starts.number, turn, tool, arguments,
    CASE WHEN result_size > {LONGEST_RESULT} THEN substr(coalesce(result, blobs.body), 1, {LONGEST_RESULT})
    ELSE coalesce(result, blobs.body) END, error, read_only, via_skill
FROM session_starts AS starts
CROSS JOIN steps ON steps.session = starts.id
LEFT JOIN blobs ON blobs.hash = steps.blob
WHERE starts.number IN ({{numbers}}) AND turn <= {MOST_STEPS}
ORDER BY starts.number, turn
"""  # noqa: S608  # numbers of ours
_DIGESTED = """
SELECT digests.number, digests.session, tasks.env, tasks.version, starts.env, starts.task,
    starts.started_at, ends.success, digests.body
FROM digests
CROSS JOIN session_starts AS starts ON starts.number = digests.number
JOIN session_ends AS ends ON ends.session = digests.session
JOIN tasks ON tasks.hash = starts.task
"""
_READ = f"""
{_DIGESTED} WHERE digests.number > :after AND digests.version = :version AND {_LEARNABLE}
AND (:env IS NULL OR tasks.env = :env)
ORDER BY digests.number LIMIT :page
"""
_AT = f"{_DIGESTED} WHERE digests.number IN ({{numbers}})"
