"""Shelf: the tools that an agent was listed in a session, the world's and the skills published to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from practicum.memory.ended import Ended, EndedSession
from practicum.memory.skill_rows import events_of, read_program, read_skills
from practicum.memory.store import Store
from practicum.skills.language import BadSkill, Skill
from practicum.skills.library import MOST_SHOWN
from practicum.skills.roles import environment
from practicum.training.agents.agent import Tool
from practicum.training.datasets.row import Toolset
from practicum.training.transcripts import tool_schemas

Version = tuple[str, int]
"""Name and version of a skill."""


@dataclass
class _Published:
    """When a version was published, and to whom."""

    env: str
    """The versioned name."""
    principal: str
    spans: list[tuple[float, float]]
    """From when until when, in seconds since 1970."""
    shared_at: float = float("inf")

    def to(self, session: EndedSession) -> bool:
        """Whether it was published to the principal of a session when that began."""
        at = session.started_at
        ours = self.principal == session.principal or self.shared_at <= at
        is_env = self.env == f"{session.env}-v{session.env_version}"
        return is_env and ours and any(first <= at < last for first, last in self.spans)


class ToolShelf:
    """The tools of sessions, from what the log says happened to skills; what is equal is made once.

    The log does not keep which skills an agent was listed. They are those that it ran, and for one that was
    given a list of tools (any MCP client) or ran a skill, the first three that were published to it when its
    session began.

    Args:
        store: the file.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._toolsets: dict[tuple[str, tuple[Version, ...]], Toolset] = {}

    def of(self, ended: Ended) -> Toolset:
        """The tools of a session; of a world that cannot be found, its skills alone."""
        session = ended.session
        skills = self._skills(ended)
        key = (session.found_by, skills)
        if key not in self._toolsets:
            self._toolsets[key] = self._made(session.found_by, skills)
        return self._toolsets[key]

    def _skills(self, ended: Ended) -> tuple[Version, ...]:
        ran = dict.fromkeys((use.name, use.version) for use in ended.uses.values())
        if not (ran or ended.session.tools_fingerprint):
            return ()
        published = [version for version, when in self._history.items() if when.to(ended.session)]
        listed = dict.fromkeys([*published[:MOST_SHOWN], *ran])
        return tuple(version for version in listed if version in self._programs)

    def _made(self, found_by: str, skills: tuple[Version, ...]) -> Toolset:
        env_class = environment(found_by)
        own = [] if env_class is None else [Tool.of(action) for action in env_class.actions.values()]
        tools = [*own, *(Tool.of_skill(self._programs[version]) for version in skills)]
        return Toolset(tuple(tool_schemas(tools)))

    @cached_property
    def _programs(self) -> Mapping[Version, Skill]:
        found: dict[Version, Skill] = {}
        for row in read_skills(self._store):
            program = read_program(self._store, row.name, row.version)
            skill = None if program is None else _skill(program)
            if skill is not None:
                found[row.name, row.version] = skill
        return found

    @cached_property
    def _history(self) -> Mapping[Version, _Published]:
        rows = read_skills(self._store)
        history = {
            (row.name, row.version): _Published(f"{row.env}-v{row.env_version}", row.principal, [])
            for row in rows
        }
        for name in dict.fromkeys(row.name for row in rows):
            for event in events_of(self._store, name):
                _note(history.get((name, int(event.body["version"]))), event.kind, event.time)
        return history


def _note(when: _Published | None, kind: str, time: float) -> None:
    if when is None:
        return
    if kind == "published":
        when.spans.append((time, float("inf")))
    elif kind in ("quarantined", "retired") and when.spans:
        when.spans[-1] = (when.spans[-1][0], min(time, when.spans[-1][1]))
    elif kind == "promoted":
        when.shared_at = min(time, when.shared_at)


def _skill(program: Any) -> Skill | None:
    try:
        return Skill.from_json(program)
    except BadSkill:
        return None
