"""Practised: with which settings a world's tasks were made, as the tasks that were played tell.

Whoever serves a world may set it up otherwise than it comes, and skills are verified in the world that was
practised in. The log keeps tasks, not settings; a setting is what all tasks have, and plain tasks of their
seeds do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from practicum.envs.registry import EnvClass
from practicum.envs.tasks import Task
from practicum.skills.adversaries import made, named_settings

MADE_SO = 0.5
"""Share of the tasks whose parameters settings must make again to be believed."""


def settings_of(tasks: Sequence[Task], env_class: EnvClass) -> dict[str, Any]:
    """The settings that make such tasks from their seeds; none where nothing tells.

    Args:
        tasks: that were played, of one environment.
        env_class: their environment.
    """
    names = [name for name in named_settings(env_class) if _is_set(name, tasks, env_class)]
    found = {name: _given(tasks[0])[name] for name in names}
    return found if found and _share_made(found, tasks, env_class) > MADE_SO else {}


def _is_set(name: str, tasks: Sequence[Task], env_class: EnvClass) -> bool:
    """Whether all tasks have the same value of a parameter, and not because they were drawn so."""
    if len({repr(_given(task).get(name)) for task in tasks}) != 1 or name not in _given(tasks[0]):
        return False
    value = _given(tasks[0])[name]
    plain = (made(env_class, task.seed, {}) for task in tasks)
    return any(each is not None and _given(each).get(name) != value for each in plain)


def _given(task: Task) -> dict[str, Any]:
    return {**task.params, **task.places}


def _share_made(settings: Mapping[str, Any], tasks: Sequence[Task], env_class: EnvClass) -> float:
    again = [made(env_class, task.seed, settings) for task in tasks]
    same = sum(one is not None and one.params == task.params for one, task in zip(again, tasks, strict=True))
    return same / len(tasks)
