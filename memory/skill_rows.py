"""How skills lie in the database: programs and uses for good, their standing as a cache of the events.

What a skill's program means is not known here: it is JSON, named by `name` and `version`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from practicum.memory.log import insert_event
from practicum.memory.rows import dump_text, load
from practicum.memory.store import Store

Status = Literal["candidate", "verified", "published", "quarantined", "retired"]
STATUS_AFTER: Mapping[str, Status] = {
    "mined": "candidate",
    "verified": "verified",
    "published": "published",
    "quarantined": "quarantined",
    "retired": "retired",
}
"""The status that a skill has after an event of that kind."""
STATUSES_BEFORE: Mapping[str, tuple[Status, ...]] = {
    "verified": ("candidate", "quarantined"),
    "published": ("verified",),
    "promoted": ("published",),
    "quarantined": ("published",),
    "retired": ("candidate", "verified", "published", "quarantined"),
}
"""The statuses in which a skill can take each change."""
KINDS = (*STATUS_AFTER, "promoted")
"""The kinds of events about skills."""
Json = Any


@dataclass(frozen=True, kw_only=True)
class NewVersion:
    """A skill's program as it is first written."""

    name: str
    version: int
    env: str
    """Short name of the environment."""
    env_version: int
    principal: str
    hash: str
    support: int
    """Sessions that it was mined from."""
    body: Mapping[str, Json]
    schema: Mapping[str, Json]
    evidence: Mapping[str, Json]


@dataclass(frozen=True, kw_only=True)
class SkillRow:
    """A skill's program and how it stands."""

    name: str
    version: int
    status: Status
    env: str
    env_version: int
    principal: str
    shared: bool
    hits: int
    misses: int
    """Of its last verification."""
    judged_from: int
    """Uses with a number above this are evidence about the version as it was last verified."""
    uses: int
    successes: int
    stops: int
    last_used: float | None
    """Seconds since 1970."""
    last_session: int
    """Number of the newest session that used it, or that there was when it was mined."""
    number: int
    """Place in the order in which skills were mined."""
    changed: int
    """Number of the event that last published, promoted, quarantined or retired it; 0 before the first."""
    hash: str | None
    """Of the program; None where that has been forgotten."""
    support: int
    made_at: float | None


@dataclass(frozen=True, kw_only=True)
class SkillUse:
    """One run of a skill in a session."""

    session: str
    turn: int
    """The turn of its first call."""
    name: str
    version: int
    hash: str
    calls: int
    success: bool | None
    """How the episode ended with it; None where it goes on."""
    stop: str | None
    """The reason of its stop; None where it finished."""
    hit: bool | None
    """What it says about the skill; None where nothing."""
    arguments: Mapping[str, Json]
    finish: Mapping[str, Json]
    """What the agent was told."""


@dataclass(frozen=True, slots=True)
class SkillEvent:
    """Something that happened to a skill."""

    number: int
    time: float
    kind: str
    body: Mapping[str, Json]


# Writing, within the caller's transaction -------------------------------------------------------------


def insert_version(connection: sqlite3.Connection, new: NewVersion, now: float) -> None:
    """Write a program as a candidate, and that it was mined.

    Raises:
        sqlite3.IntegrityError: the name has such a version already.
    """
    own = (new.name, new.version, new.env, new.env_version, new.principal)
    row = (*own, new.hash, now, new.support, *map(dump_text, (new.body, new.schema, new.evidence)))
    connection.execute(
        "INSERT INTO skill_versions (name, version, env, env_version, principal, hash, made_at, support, "
        "body, schema, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    about = {"env": new.env, "env_version": new.env_version, "principal": new.principal}
    counted = {"hash": new.hash, "support": new.support, "newest_session": _newest(connection)}
    _write(connection, "mined", (new.name, new.version), about | counted, now)


def change(
    connection: sqlite3.Connection, kind: str, which: tuple[str, int], body: Mapping[str, Json], now: float
) -> bool:
    """Change how a version stands and write the event; False where it stands so that it cannot be changed.

    Args:
        connection: within the caller's transaction.
        kind: of the event.
        which: name and version.
        body: what else the event tells.
        now: seconds since 1970.
    """
    sql = "SELECT status FROM skills WHERE name = ? AND version = ?"
    found = connection.execute(sql, which).fetchone()
    if found is None or found[0] not in STATUSES_BEFORE[kind]:
        return False
    if kind == "verified":
        body = {**body, "last_use": _last_use(connection, *which)}
    _write(connection, kind, which, body, now)
    return True


def _write(
    connection: sqlite3.Connection, kind: str, which: tuple[str, int], body: Mapping[str, Json], now: float
) -> None:
    """Write an event about a version, and what follows from it."""
    told = {"skill": which[0], "version": which[1], **body}
    insert_event(connection, kind, told, now)
    _apply(connection, _last_event(connection), kind, told)


def _last_event(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT max(number) FROM events").fetchone()[0])


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM session_starts").fetchone()[0])


def _apply(connection: sqlite3.Connection, number: int, kind: str, body: Mapping[str, Json]) -> None:
    """Bring the standing of a skill up to an event."""
    connection.execute(_AFTER[kind], {"number": number, "status": STATUS_AFTER.get(kind), **body})


_SET_STATUS = """
UPDATE skills SET status = :status, changed = :number WHERE name = :skill AND version = :version
"""
_AFTER: Mapping[str, str] = {
    "mined": """
        INSERT INTO skills (name, version, status, env, env_version, principal, last_session, number)
        VALUES (:skill, :version, :status, :env, :env_version, :principal, :newest_session, :number)
    """,
    "verified": """
        UPDATE skills SET status = :status, hits = :hits, misses = :misses, judged_from = :last_use
        WHERE name = :skill AND version = :version
    """,
    "promoted": "UPDATE skills SET shared = 1, changed = :number WHERE name = :skill AND version = :version",
    **dict.fromkeys(("published", "quarantined", "retired"), _SET_STATUS),
}


def _last_use(connection: sqlite3.Connection, name: str, version: int) -> int:
    sql = "SELECT coalesce(max(number), 0) FROM skill_uses WHERE name = ? AND version = ?"
    return int(connection.execute(sql, (name, version)).fetchone()[0])


def insert_use(connection: sqlite3.Connection, use: SkillUse, now: float) -> None:
    """Write a use and count it; one that is written already is left as it is."""
    known = "SELECT 1 FROM skill_uses WHERE session = ? AND turn = ?"
    if connection.execute(known, (use.session, use.turn)).fetchone():
        return
    values = {
        **vars(use),
        "time": now,
        "arguments": dump_text(use.arguments),
        "finish": dump_text(use.finish),
    }
    connection.execute(_INSERT_USE, values)
    connection.execute(_COUNT_USE, values)


_INSERT_USE = """
INSERT INTO skill_uses (
    session, turn, time, name, version, hash, calls, success, stop, hit, arguments, finish
) VALUES (
    :session, :turn, :time, :name, :version, :hash, :calls, :success, :stop, :hit, :arguments, :finish
)
"""
_COUNT_USE = """
UPDATE skills SET uses = uses + 1, successes = successes + coalesce(:hit, 0),
    stops = stops + (:stop IS NOT NULL), last_used = :time,
    last_session = max(last_session, (SELECT number FROM session_starts WHERE id = :session))
WHERE name = :name AND version = :version
"""


def rebuild_skills(connection: sqlite3.Connection) -> None:
    """Make the standing of every skill anew from the events and the uses."""
    for table in ("skills", "skill_lists"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608  # names of ours
    marks = ", ".join("?" * len(KINDS))
    sql = f"SELECT number, kind, body FROM events WHERE kind IN ({marks}) ORDER BY number"  # noqa: S608  # marks alone
    for number, kind, body in connection.execute(sql, KINDS).fetchall():
        _apply(connection, number, kind, load(body))
    connection.execute(_RECOUNT)


_RECOUNT = """
UPDATE skills SET (uses, successes, stops, last_used) = (
    SELECT count(*), coalesce(sum(hit), 0), coalesce(sum(stop IS NOT NULL), 0), max(time) FROM skill_uses
    WHERE skill_uses.name = skills.name AND skill_uses.version = skills.version
), last_session = max(last_session, coalesce((
    SELECT max(starts.number) FROM skill_uses JOIN session_starts AS starts ON starts.id = skill_uses.session
    WHERE skill_uses.name = skills.name AND skill_uses.version = skills.version
), 0))
"""


# Reading ----------------------------------------------------------------------------------------------


def read_skills(store: Store) -> list[SkillRow]:
    """Every version of every skill, in the order in which they were mined."""
    return [SkillRow(**{**row, "shared": bool(row["shared"])}) for row in store.read(_SKILLS)]


_SKILLS = """
SELECT skills.*, versions.hash, coalesce(versions.support, 0) AS support, versions.made_at
FROM skills LEFT JOIN skill_versions AS versions
ON versions.name = skills.name AND versions.version = skills.version
ORDER BY skills.number
"""


def read_program(store: Store, name: str, version: int) -> Json:
    """The program of a version; None where there is none, or it has been forgotten."""
    sql = "SELECT body FROM skill_versions WHERE name = ? AND version = ?"
    found = store.read(sql, (name, version))
    return load(found[0]["body"]) if found else None


def last_change(store: Store) -> int:
    """The number of the event that last published, promoted, quarantined or retired a skill; 0 before."""
    return int(store.read("SELECT coalesce(max(changed), 0) AS n FROM skills")[0]["n"])


def use_at(store: Store, session: str, turn: int) -> SkillUse | None:
    """The use that began with a turn of a session."""
    found = store.read("SELECT * FROM skill_uses WHERE session = ? AND turn = ?", (session, turn))
    return _use(found[0]) if found else None


def uses_of(store: Store, name: str, version: int, *, limit: int = 20) -> list[tuple[float, SkillUse]]:
    """A version's uses, newest first, each with its time."""
    sql = "SELECT * FROM skill_uses WHERE name = ? AND version = ? ORDER BY number DESC LIMIT ?"
    return [(row["time"], _use(row)) for row in store.read(sql, (name, version, limit))]


def hits_after(store: Store, name: str, version: int, number: int) -> list[tuple[int, bool]]:
    """What a version's uses after a number say about it, in their order, each with its number."""
    sql = """SELECT number, hit FROM skill_uses
        WHERE name = ? AND version = ? AND number > ? AND hit IS NOT NULL ORDER BY number"""
    return [(row["number"], bool(row["hit"])) for row in store.read(sql, (name, version, number))]


def _use(row: Mapping[str, Any]) -> SkillUse:
    fields = {name: row[name] for name in SkillUse.__dataclass_fields__}
    whether = {name: None if row[name] is None else bool(row[name]) for name in ("success", "hit")}
    return SkillUse(**fields | whether | {"arguments": load(row["arguments"]), "finish": load(row["finish"])})


def events_of(store: Store, name: str) -> list[SkillEvent]:
    """What happened to a skill in any of its versions, oldest first."""
    marks = ", ".join("?" * len(KINDS))
    sql = f"""SELECT number, time, kind, body FROM events
        WHERE kind IN ({marks}) AND body ->> 'skill' = ? ORDER BY number"""  # noqa: S608  # marks alone
    return [SkillEvent(**{**row, "body": load(row["body"])}) for row in store.read(sql, (*KINDS, name))]


def rejected_hashes(store: Store, principal: str) -> dict[str, int]:
    """The hashes of a principal's programs that did not pass, each with its support at the last try."""
    sql = """SELECT body ->> 'hash' AS hash, max(body ->> 'support') AS support FROM events
        WHERE kind = 'rejected' AND body ->> 'principal' = ? GROUP BY body ->> 'hash'"""
    return {row["hash"]: int(row["support"]) for row in store.read(sql, (principal,))}


def sessions_since(store: Store, principal: str, number: int, *, most: int) -> int:
    """How many sessions a principal has begun after a numbered one, counted up to `most`."""
    sql = """SELECT count(*) AS n FROM (
        SELECT 1 FROM session_starts WHERE number > ? AND principal = ? LIMIT ?)"""
    return int(store.read(sql, (number, principal, most))[0]["n"])


def listed(store: Store, principal: str, env: str) -> tuple[int, list[str]] | None:
    """The list that a principal is shown for an environment, after the change that it was made at."""
    found = store.read(
        "SELECT as_of, names FROM skill_lists WHERE principal = ? AND env = ?", (principal, env)
    )
    return (found[0]["as_of"], load(found[0]["names"])) if found else None


def put_list(
    connection: sqlite3.Connection, principal: str, env: str, *, as_of: int, names: list[str]
) -> None:
    """Keep the list that a principal is shown, unless another process has made a later one."""
    connection.execute(
        "INSERT INTO skill_lists VALUES (:principal, :env, :as_of, :names) ON CONFLICT DO UPDATE SET "
        "as_of = excluded.as_of, names = excluded.names WHERE as_of < excluded.as_of",
        {"principal": principal, "env": env, "as_of": as_of, "names": dump_text(names)},
    )
