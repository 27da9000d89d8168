"""Served: an environment as one server offers it, with its settings and where its tasks come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from practicum.envs import ActionError, Episode, Task, TaskSet, ToolEnv, UsageError, find
from practicum.envs.errors import in_one_line, nearest
from practicum.envs.registry import lasting_name


@dataclass(frozen=True)
class Served:
    """An environment that a server offers."""

    env_class: type[ToolEnv[Any]]
    place: str
    """The name by which any process finds the class again: `flight-v1`, or an absolute `file.py:Class`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Parameters for every task that is made here."""
    tasks: TaskSet | None = None
    """The tasks of a file; None where they are made from seeds."""

    @property
    def name(self) -> str:
        """The short name, such as `flight`."""
        return self.env_class.name

    def make(self) -> ToolEnv[Any]:
        """A world of this kind that has not begun yet."""
        return self.env_class()

    def make_task(self, seed: int) -> Task:
        """The task of a seed, with this server's settings."""
        return self.env_class.make_task(seed, **self.settings)

    def task(self, name: str) -> Task | None:
        """A task of the file, by id or content hash."""
        return next((task for task in self.tasks or () if name in (task.id, task.hash)), None)


def serve_environments(
    names: Sequence[str], *, settings: Mapping[str, Any] | None = None, task_file: Path | None = None
) -> dict[str, Served]:
    """Find environments by name, for serving.

    Args:
        names: as `practicum.envs.find` takes them.
        settings: go to each environment that takes them.
        task_file: JSONL of tasks; each goes to the environment that it names.

    Raises:
        UsageError: a name means nothing, two mean the same, nobody takes a setting or a task, or a task of
            the file cannot begin.
    """
    served: dict[str, Served] = {}
    tasks = list(TaskSet.load(task_file)) if task_file else []
    for name, env_class in [(name, find(name)) for name in names]:
        if env_class.name in served:
            raise UsageError(f"two environments are called {env_class.name!r}; serve one of them")
        own = [task for task in tasks if task.env_id == env_class.env_id()]
        env_settings = _settings_of(env_class, settings or {}, alone=len(names) == 1)
        served[env_class.name] = Served(
            env_class, lasting_name(name), env_settings, TaskSet(own) if own else None
        )
        if env_settings:
            served[env_class.name].make_task(0)
    for name in settings or {}:
        if not any(name in entry.settings for entry in served.values()):
            raise UsageError(f"none of {', '.join(served)} has a setting {name!r}")
    _check_tasks(task_file, tasks, served)
    return served


def _settings_of(
    env_class: type[ToolEnv[Any]], settings: Mapping[str, Any], *, alone: bool
) -> dict[str, Any]:
    own = {name: value for name, value in settings.items() if alone or env_class.takes_setting(name)}
    return env_class.checked_settings(own)


def _check_tasks(task_file: Path | None, tasks: list[Task], served: Mapping[str, Served]) -> None:
    known = {entry.env_class.env_id(): entry.env_class for entry in served.values()}
    for task in tasks:
        if task.env_id not in known:
            raise UsageError(
                f"{task_file} holds a task of {task.env_id}, which is not served; add --env {task.env}"
            )
        if problem := _problem(task, known[task.env_id]):
            raise UsageError(f"{task_file}: task {task.id or task.hash!r} cannot be served: {problem}")


def _problem(task: Task, env_class: type[ToolEnv[Any]]) -> str | None:
    """Why a task cannot be played, in one line; a world that waits for others is not begun to find out."""
    try:
        (task.id + task.instruction).encode()
        env_class.checked_settings({**task.params, **task.places})
        if not env_class.waits(task):
            Episode(env_class(), task).env.close()
    except UnicodeEncodeError:
        return "its id or instruction has a lone surrogate, which is no text; leave that out"
    except UsageError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # a world may fail in any way on what a file holds
        return in_one_line(error)
    return None


def find_served(served: Mapping[str, Served], name: str) -> Served:
    """The served environment of a short or versioned name; Gymnasium's may go without `gym:`.

    Raises:
        ActionError: it is not served here.
    """
    for entry in served.values():
        names = (entry.name, entry.env_class.env_id(), entry.place)
        if name in names or f"gym:{name}" in names:
            return entry
    raise ActionError(f"no environment {name!r}{nearest(name, served)}; this server has {', '.join(served)}")
