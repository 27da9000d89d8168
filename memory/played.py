"""Played: what each session was played with, a skill or by hand, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.memory.rows import load
from practicum.memory.store import Store

PAGE = 500
"""Sessions that are read at a time."""


@dataclass(frozen=True, slots=True)
class PlayedSession:
    """A session of practice that came to an end, with what it was played with."""

    number: int
    """Of its end, in the order of ends."""
    params: Mapping[str, Any]
    """The task's, as the agent saw them."""
    skill: str | None
    """Name of the first skill that was run in it; None where all was done by hand."""
    version: int | None
    success: bool
    decisions: int
    """Calls that the agent chose: one for each run of a skill, however many calls it made."""


def played_after(
    store: Store, number: int, *, principal: str, env: str, version: int, last: int | None = None
) -> Iterator[PlayedSession]:
    """A principal's sessions of practice in an environment that came to an end, in the order of their ends.

    Forks and what was never finished are left out.

    Args:
        store: the file.
        number: only ends after this one.
        principal: whose.
        env: short name of the environment.
        version: of the environment.
        last: only the last so many.
    """
    values = {"principal": principal, "env": env, "version": version}
    if last is not None:
        first = store.read(_FIRST_OF_LAST, {**values, "skipped": last - 1})
        number = max(number, first[0]["number"] - 1 if first else 0)
    while True:
        rows = store.read(_PLAYED, {**values, "number": number, "page": PAGE})
        yield from (_played(row) for row in rows)
        if len(rows) < PAGE:
            return
        number = rows[-1]["number"]


def last_end(store: Store) -> int:
    """The number of the newest end of a session, whoever's; 0 where there is none."""
    return int(store.read("SELECT coalesce(max(number), 0) AS n FROM session_ends")[0]["n"])


def _played(row: Mapping[str, Any]) -> PlayedSession:
    return PlayedSession(
        number=row["number"],
        params=load(row["params"]),
        skill=row["skill"],
        version=row["skill_version"],
        success=bool(row["success"]),
        decisions=row["by_hand"] + row["uses"],
    )


@dataclass(frozen=True, slots=True)
class Success:
    """With what a session came to its right end."""

    session: str
    skills: tuple[str, ...]
    """Names of those that were run in it."""
    last_tool: str
    """The tool of its last call."""


def successes_among(store: Store, sessions: Sequence[str]) -> list[Success]:
    """What those among some sessions that came to the right end were played with."""
    found = store.read(_SUCCESSES.format(marks=", ".join("?" * len(sessions))), tuple(sessions))
    return [Success(row["session"], tuple(load(row["skills"])), row["last_tool"]) for row in found]


# CROSS JOIN: by the numbers of ends, of which few are new, not by the principal, who may have very many.
_ENDS = """
FROM session_ends AS ends CROSS JOIN session_starts AS starts ON starts.id = ends.session
CROSS JOIN tasks ON tasks.hash = starts.task
WHERE ends.success IS NOT NULL AND starts.purpose = 'practice' AND starts.parent IS NULL
AND starts.principal = :principal AND tasks.env = :env AND tasks.version = :version
"""
_FIRST_OF_LAST = f"SELECT ends.number {_ENDS} ORDER BY ends.number DESC LIMIT 1 OFFSET :skipped"
_PLAYED = f"""
SELECT ends.number, ends.success, first.name AS skill, first.version AS skill_version,
    tasks.body -> 'params' AS params,
    (SELECT count(*) FROM steps WHERE session = starts.id AND via_skill IS NULL) AS by_hand,
    (SELECT count(*) FROM skill_uses WHERE session = starts.id) AS uses
{
    _ENDS.replace(
        "WHERE",
        '''LEFT JOIN skill_uses AS first ON first.session = starts.id
    AND first.turn = (SELECT min(turn) FROM skill_uses WHERE session = starts.id)
WHERE''',
    )
}
AND ends.number > :number ORDER BY ends.number LIMIT :page
"""  # noqa: S608  # text of ours
_SUCCESSES = """
SELECT session, (SELECT json_group_array(DISTINCT name) FROM skill_uses AS uses
    WHERE uses.session = ends.session) AS skills,
    (SELECT tool FROM steps WHERE steps.session = ends.session ORDER BY turn DESC LIMIT 1) AS last_tool
FROM session_ends AS ends WHERE success = 1 AND session IN ({marks})
"""
