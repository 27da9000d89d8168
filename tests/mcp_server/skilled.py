"""Skills that the tests of the server put into its library, by hand, for the parcels example."""

from __future__ import annotations

import json
from typing import Any

from mcp.client import Client

from practicum.memory import Sessions, Store
from practicum.skills.language import Skill
from practicum.skills.library import Library

LOOK = {"do": "call", "id": "a", "tool": "look", "args": {}}
LOCKER = {"type": "string", "description": "Locker id, such as L2."}
NEVER = {"eq": [{"const": 1}, {"const": 2}]}
"""A predicate that does not hold."""
NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
WITH_LOCKER = {**NO_ARGUMENTS, "properties": {"locker": LOCKER}, "required": ["locker"]}


def storing(parcel: str, locker: Any, name: str = "b") -> dict[str, Any]:
    """A statement that stores a parcel; what the locker is may be any expression."""
    given = {"parcel": {"const": parcel}, "locker": locker}
    return {"do": "call", "id": name, "tool": "store", "args": given}


def a_skill(name: str = "skill_store_all", version: int = 1, **fields: Any) -> Skill:
    """A skill for parcels; as it is it looks, then stores P0 in L0, which is all of one parcel."""
    known: dict[str, Any] = {
        "env": "parcels",
        "env_version": 1,
        "params": NO_ARGUMENTS,
        "body": (LOOK, storing("P0", {"const": "L0"})),
        "description": "Stores all.",
    }
    return Skill(name, version, **{**known, **fields})


CHOOSING = a_skill(
    "skill_store_in",
    params=WITH_LOCKER,
    body=(LOOK, storing("P0", {"param": "locker"}), storing("P1", {"const": "L1"}, "c")),
    description="Stores P0 in a locker, then P1 in L1.",
)
"""Stops where a parcel does not fit."""


def publish(store: Store, skill: Skill, principal: str = "local") -> Skill:
    """Put a skill into the library, verified and published."""
    library = Library(store)
    library.add(skill, principal)
    assert library.verified(skill, hits=20, misses=0, about={})
    assert library.publish(skill)
    return skill


def call_of(tool: str, name: str, **given: Any) -> dict[str, Any]:
    """A statement that calls a tool with constants."""
    return {
        "do": "call",
        "id": name,
        "tool": tool,
        "args": {argument: {"const": value} for argument, value in given.items()},
    }


def talking(name: str, *body: dict[str, Any], env: str = "talk") -> Skill:
    """A skill for the small world in which things are said."""
    return a_skill(name, env=env, body=body, description="Talks.")


def saying(value: Any, name: str) -> dict[str, Any]:
    """A statement that says a value."""
    return call_of("say", name, json_text=json.dumps(value))


async def skills_of(client: Client) -> list[str]:
    """The skills that a client sees as tools, in their order."""
    return [tool.name for tool in (await client.list_tools()).tools if tool.name.startswith("skill_")]


def logged(store: Store, session_id: str) -> list[tuple[str, str | None]]:
    """The calls of a session, each with the skill that made it."""
    return [(step.tool, step.via_skill) for step in Sessions(store).steps(session_id)]
