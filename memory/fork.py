"""Fork: a new session whose log begins with the first steps of an old one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields

from typing_extensions import TypedDict, Unpack

from practicum.envs.errors import UsageError
from practicum.memory.batches import insert_copies
from practicum.memory.log import Log
from practicum.memory.replay import rebuild
from practicum.memory.sessions import Session, Sessions
from practicum.memory.starts import Purpose, SessionStart, insert_start, new_session_id


class Client(TypedDict, total=False):
    """Who asks for a session, as in `SessionStart`; None for whatever is left out."""

    client_name: str | None
    client_version: str | None
    protocol_version: str | None
    tools_fingerprint: str | None
    token_hash: str | None


_NOBODY = dict.fromkeys(Client.__annotations__)


def fork(
    log: Log,
    sessions: Sessions,
    session_id: str,
    at_turn: int,
    principal: str,
    *,
    purpose: Purpose | None = None,
    min_try: int | None = None,
    most_open: int | None = None,
    **client: Unpack[Client],
) -> str:
    """Make a session that begins with the first `at_turn` steps of another; returns its id.

    The old session is replayed first, so that none is forked that the world no longer agrees with. Its log
    stays as it is. The copied steps carry the time of the fork. A fork of an evaluation stays one.

    Args:
        log: where the new session is written, in one transaction.
        sessions: where the old one is read.
        session_id: the old session, which must be the principal's.
        at_turn: how many steps to take over, from 0 to all of them.
        principal: whose session it becomes.
        purpose: the old session's where None.
        min_try: the old session's where None; another one only before the first turn.
        most_open: how many open sessions the principal may have, the new one included.
        **client: who asks for it.

    Raises:
        UsageError: no such session or turn, it cannot be replayed, or its steps depend on `min_try`.
        Divergence: the world answers otherwise than it did.
        LogUnavailable: nothing was written.
        TooManyOpen: likewise.
    """
    old = _forkable(sessions, session_id, at_turn, principal, min_try)
    rebuild(sessions, old, last=at_turn).env.close()
    whose = _NOBODY | client | {"principal": principal}
    start = _child(old, at_turn, purpose, min_try, whose)
    with log.writing() as connection:
        insert_start(connection, start, most_open=most_open)
        insert_copies(connection, start)
    return start.id


def _forkable(
    sessions: Sessions, session_id: str, at_turn: int, principal: str, min_try: int | None
) -> Session:
    old = sessions.get(session_id, principal)
    if old is None:
        raise UsageError(f"no session {session_id!r}; `practicum sessions` lists them")
    if not 0 <= at_turn <= old.steps:
        raise UsageError(f"session {old.id} has {old.steps} steps, so it cannot be forked at {at_turn}")
    if at_turn and min_try not in (None, old.min_try):
        raise UsageError(
            f"session {old.id} was played with min_try {old.min_try}, on which its steps depend; "
            f"fork it at 0 to play with {min_try}"
        )
    return old


def _child(
    old: Session, at_turn: int, purpose: Purpose | None, min_try: int | None, whose: Mapping[str, object]
) -> SessionStart:
    kept = {field.name: getattr(old, field.name) for field in fields(SessionStart)}
    own = {
        "id": new_session_id(),
        "purpose": old.purpose if purpose is None or old.purpose == "evaluation" else purpose,
        "min_try": old.min_try if min_try is None else min_try,
        "parent": old.id,
        "parent_turn": at_turn,
        "started_at": time.time(),
    }
    return SessionStart(**(kept | own | dict(whose)))
