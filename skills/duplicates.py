"""Duplicates: programs that are there already, as a whole, as a part, or by another way to the same end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from practicum.envs.episodes import Episode, ListRecorder, compact_json
from practicum.envs.tasks import Task
from practicum.skills.interpreter import play
from practicum.skills.language import Skill
from practicum.skills.roles import Roles
from practicum.skills.trials import EnvClass, is_right
from practicum.skills.verify import fresh_tasks

TASKS = 12
"""Tasks on which two programs are held against each other."""
_BODIES = ("body", "then", "else")


@dataclass(frozen=True)
class Duplicate:
    """What is there already."""

    kind: Literal["equal", "contained", "same effect"]
    name: str
    """Of the skill that makes the other one needless."""


def duplicate_of(
    skill: Skill,
    others: Iterable[Skill],
    env_class: EnvClass,
    *,
    settings: Mapping[str, Any] | None = None,
    tasks: int = TASKS,
) -> Duplicate | None:
    """The first of the other skills that makes a skill needless; None where it is new.

    Args:
        skill: the one in question.
        others: those that are there, of any environment, in the order in which they are asked.
        env_class: the skill's world.
        settings: of the tasks on which effects are compared, drawn from the verify split.
        tasks: how many of them.
    """
    rivals = [other for other in others if other.env_id == skill.env_id]
    for other in rivals:
        if other.hash == skill.hash:
            return Duplicate("equal", other.name)
        if is_contained(skill, other):
            return Duplicate("contained", other.name)
    if not rivals or skill.effects.read_only:
        return None
    drawn = list(islice(fresh_tasks(env_class, settings or {}, (), 0), tasks))
    if any(map(env_class.waits, drawn)):
        return None
    mine = effects(skill, env_class, drawn)
    for other in rivals:
        if any(mine) and effects(other, env_class, drawn) == mine:
            return Duplicate("same effect", other.name)
    return None


def is_contained(part: Skill, whole: Skill) -> bool:
    """Whether a program's statements stand, in a row and whatever they are called, within another's."""
    wanted = _bare(part, part.body)
    length = len(part.body)
    slices = (
        body[first : first + length]
        for body in _bodies(whole.body)
        for first in range(len(body) - length + 1)
    )
    return length > 0 and any(_bare(part, each) == wanted for each in slices)


def _bare(skill: Skill, body: Sequence[Any]) -> str:
    """A hash over statements alone."""
    return replace(skill, params={}, pre=(), post=(), body=tuple(body)).hash


def _bodies(body: Any) -> Iterator[Sequence[Any]]:
    """A body and all those within it, outermost first."""
    if not isinstance(body, list | tuple):
        return
    yield body
    for stmt in body:
        for part in (stmt, *stmt.get("cases", ())):
            for key in _BODIES:
                yield from _bodies(part.get(key))


def effects(skill: Skill, env_class: EnvClass, tasks: Iterable[Task]) -> list[bytes | None]:
    """What a skill does to each task's world: its changing calls and the end; None where it stops.

    What it looks at on the way does not count, nor how often a search was turned over.
    """
    roles = Roles(env_class)
    return [_effect(skill, env_class, roles, task) for task in tasks]


def _effect(skill: Skill, env_class: EnvClass, roles: Roles, task: Task) -> bytes | None:
    kept = ListRecorder()
    episode = Episode(env_class(), task, recorder=kept)
    try:
        finish = play(skill, episode)
        made = [
            [step.tool, step.arguments]
            for step in kept.steps
            if not step.read_only and not step.refused and not roles.of(step.tool).looks
        ]
        return compact_json([made, is_right(episode)]) if finish.finished else None
    finally:
        episode.env.close()
