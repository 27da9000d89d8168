"""Which task a session is opened on: the one wished for, or the next that this principal has not played."""

from __future__ import annotations

from dataclasses import dataclass

from practicum.envs import ActionError, Task
from practicum.mcp_server.served import Served
from practicum.memory import Purpose, Sessions


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """What `open_session` was asked for."""

    env: str
    task: str | None = None
    """Id or content hash of a task of the served file, or of one that this principal has played."""
    seed: int | None = None
    split: str | None = None
    purpose: Purpose = "practice"
    scoped: bool = False
    """Whether the session gets an endpoint and a token of its own."""
    min_try: int = 1
    every_split: bool = False
    """Whether all tasks of the served file are meant, in their order."""


class Chooser:
    """Chooses tasks, and remembers how far each principal has come."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._next_seed: dict[tuple[str, str, str], int] = {}
        self._rounds: dict[tuple[str, str, str | None], int] = {}

    def choose(self, principal: str, served: Served, asked: OpenRequest) -> Task:
        """The task for a new session.

        Raises:
            ActionError: there is no such task.
        """
        if asked.task is not None:
            return served.task(asked.task) or self._logged(principal, served, asked.task)
        if asked.seed is not None:
            return served.make_task(asked.seed)
        split = asked.split or ("test" if asked.purpose == "evaluation" else "train")
        if served.tasks is not None:
            return self._next_listed(principal, served, None if asked.every_split else split)
        return self._next_generated(principal, served, split)

    def _logged(self, principal: str, served: Served, name: str) -> Task:
        task = self._sessions.task(name, principal)
        if task is None or task.env_id != served.env_class.env_id():
            raise ActionError(
                f"no task {name!r} of {served.name}; leave `task` out for the next that you have not played"
            )
        return task

    def _next_listed(self, principal: str, served: Served, split: str | None) -> Task:
        """The next unplayed task of the file; when all have been played they come round again, in order."""
        everything = list(served.tasks or ())
        tasks = [task for task in everything if split in (None, task.split)]
        if not tasks:
            has = ", ".join(sorted({task.split for task in everything}))
            raise ActionError(f"the task file of {served.name} has no task in split {split!r}; it has {has}")
        for task in tasks:
            if not self._sessions.played_task(principal, task.hash):
                return task
        place = self._rounds.get((principal, served.name, split), 0)
        self._rounds[principal, served.name, split] = place + 1
        return tasks[place % len(tasks)]

    def _next_generated(self, principal: str, served: Served, split: str) -> Task:
        key = (principal, served.name, split)
        seed = self._next_seed.get(key, 0)
        while True:
            if not self._sessions.played_seed(principal, served.name, served.env_class.version, seed):
                task = served.make_task(seed)
                if task.split == split:
                    self._next_seed[key] = seed + 1
                    return task
            seed += 1
