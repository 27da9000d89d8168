"""A store with sessions of the parcels example, and skills written by hand for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from practicum.envs import Episode, find
from practicum.memory import Log, SessionRecorder, SessionStart, Store, new_session_id
from practicum.skills.interpreter import Finish, Stop
from practicum.skills.language import Skill
from practicum.skills.library import Library, use_of

PARCELS = f"{Path(__file__).parents[2] / 'examples' / 'parcel_lockers.py'}:ParcelLockers"
LOOK = {"do": "call", "id": "a", "tool": "look", "args": {}}


def a_skill(name: str = "skill_store", version: int = 1, *, locker: str = "L0", **other: Any) -> Skill:
    """A program that looks and stores P0 in a locker that stands in it."""
    given = {"parcel": {"const": "P0"}, "locker": {"const": locker}}
    store = {"do": "call", "id": "b", "tool": "store", "args": given}
    params = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    made = Skill(name, version, "parcels", 1, params, (LOOK, store), description="Stores P0.")
    return replace(made, **other)


def published(library: Library, skill: Skill, principal: str = "local", **other: Any) -> Skill:
    """The skill, once it stands in the library as published."""
    library.add(skill, principal, **other)
    assert library.verified(skill, hits=20, misses=0, about={})
    assert library.publish(skill)
    return skill


def begin(store: Store, seed: int = 7, **start: Any) -> tuple[str, Episode]:
    """A session that has begun: its id, and its episode, which records into it."""
    env_class = find(PARCELS)
    log, session_id = Log(store), new_session_id()
    task = env_class.make_task(seed)
    log.start(SessionStart(id=session_id, env=PARCELS, task=task, **start))
    return session_id, Episode(env_class(), task, recorder=SessionRecorder(log, session_id))


def use(library: Library, skill: Skill, *, success: bool | None = True, stop: str | None = None) -> bool:
    """Have a skill used in a session of its own; returns whether it is in quarantine for it."""
    session_id, _ = begin(library.store)
    finish = Finish(Stop(stop, "b", "why") if stop else None, calls=2)
    run = use_of(
        skill, finish, session=session_id, turn=1, arguments={}, success=success, told=finish.as_json()
    )
    return library.used(run)
