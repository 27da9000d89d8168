"""Digests: what the grouping of sessions needs of each, so that mining need not read every result again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from practicum.envs.episodes import Opening, Step
from practicum.memory import Store
from practicum.memory.digests import Digest, Digests, Undigested, write_digests
from practicum.memory.rows import dump_text, load
from practicum.skills.relevance import Call, relevant
from practicum.skills.roles import Roles, roles_of

VERSION = 2
"""Of the rules by which digests are made; they are made anew when it changes."""
MOST_CALLS = 200
"""Calls of a session that its digest names, the last ones."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What mattered in a session, without a value of it."""

    shape: str
    """What sort of task it was, see `Roles.shape`."""
    goal: str | None
    """What its last change achieved, what was said left aside; None where it changed nothing or declined."""
    calls: tuple[str, ...]
    """The tools of the calls that mattered, in their order; `tool?` for a look, `tool!` for a refusal, and
    with a `*` before it a skill's own call."""
    turns: tuple[int, ...]
    """The turn of each."""

    @property
    def by_skill(self) -> bool:
        """Whether a skill made the last change, so that the session is no evidence for how to do it."""
        last = next((call for call in reversed(self.calls) if call[-1] not in "?!"), "")
        return last.startswith("*")


def outline(calls: Sequence[Call], params: Mapping[str, Any], roles: Roles) -> Outline:
    """The outline of a session from all its calls."""
    mattered = relevant(calls, dump_text(params))
    named = mattered[-MOST_CALLS:]
    return Outline(
        shape=roles.shape(params),
        goal=_goal(mattered, roles),
        calls=tuple(map(_symbol, named)),
        turns=tuple(call.turn for call in named),
    )


def _symbol(call: Call) -> str:
    mark = "!" if call.error is not None else "?" if call.looks else ""
    return f"{'*' if call.via_skill else ''}{call.tool}{mark}"


def _goal(calls: Sequence[Call], roles: Roles) -> str | None:
    changes = [call for call in reversed(calls) if call.changes]
    last = next((call for call in changes if not call.role.talks), next(iter(changes), None))
    return None if last is None or last.role.declines else roles.goal(last.tool)


# Calls, from wherever a session is --------------------------------------------------------------------


def call_of(step: Step, roles: Roles) -> Call:
    """A step as relevance reads it."""
    result = step.result_json.decode()
    return _call(
        roles, (step.turn, step.tool, step.arguments, result, step.error, step.read_only, step.via_skill)
    )


def _call(roles: Roles, parts: tuple[Any, ...]) -> Call:
    turn, tool, arguments, text, error, read_only, via_skill = parts
    role = roles.of(tool)
    looks = role.looks or bool(read_only)
    return Call(turn, tool, arguments, text, error, looks, bool(read_only), role, via_skill)


# Digests ----------------------------------------------------------------------------------------------


def digest_of(env_name: str) -> Callable[[Opening, Sequence[Step]], Digest]:
    """What makes the digest of a session when it ends, for a `DigestingRecorder`.

    Args:
        env_name: the name that the session's environment was found by.
    """
    roles = roles_of(env_name)

    def make(opening: Opening, steps: Sequence[Step]) -> Digest:
        calls = [call_of(step, roles) for step in steps]
        return _written(outline(calls, opening.task.params, roles))

    return make


def fill_in(store: Store, *, principal: str | None = None) -> int:
    """Make the digests that are missing; returns how many sessions were read.

    Args:
        store: the file.
        principal: whose sessions; None for anybody's.

    Raises:
        LogUnavailable: the database could not be written.
    """
    digests = Digests(store, VERSION)
    count = 0
    for sessions in digests.missing(principal):
        write_digests(store, ((session.session, _digest(session)) for session in sessions))
        count += len(sessions)
    return count


def _digest(session: Undigested) -> Digest:
    roles = roles_of(session.env)
    calls = [_call(roles, (*step[:2], load(step[2]), *step[3:])) for step in session.steps]
    return _written(outline(calls, load(session.task_body)["params"], roles))


def _written(found: Outline) -> Digest:
    return Digest(VERSION, dump_text((found.shape, found.goal, found.calls, found.turns)))


@lru_cache(maxsize=2048)
def read_outline(body: str) -> Outline:
    """The outline that a digest's body holds; sessions that went alike share it."""
    shape, goal, calls, turns = load(body)
    return Outline(shape, goal, tuple(calls), tuple(turns))
