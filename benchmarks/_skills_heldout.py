"""Held out: skills mined and verified on other splits, on test tasks, beside replays of sessions.

The test tasks are the first that a verified skill is for; without one, the first. A replay makes the calls of
that successful session of the train split whose task has the most parameters in common with the test task, as
they were made, or with the test task's values in place of the old task's parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks._skills_lessons import FLIGHT, Figures, summary, takers, taught, tried
from benchmarks._skills_teachers import TEACHERS
from practicum.envs import Episode, Task
from practicum.training.rollouts import Rollout

Params = Mapping[str, Any]
Rewrite = Callable[[Params, Params, Params], Params]
"""The arguments of a call, from those that it had, the old task's parameters and the new one's."""


def as_they_were(arguments: Params, old: Params, new: Params) -> Params:
    """The same arguments."""
    return arguments


def substituted(arguments: Params, old: Params, new: Params) -> Params:
    """Arguments in which values of the old task's parameters, nothing else, are those of the new one's."""
    return {name: _in_place(value, name, old, new) for name, value in arguments.items()}


def _in_place(value: Any, argument: str, old: Params, new: Params) -> Any:
    """The new value of the parameter that had this one, rather of that with the argument's own name."""
    names = sorted(old, key=lambda name: (name != argument, name))
    same = (name for name in names if name in new and old[name] == value and type(old[name]) is type(value))
    name = next(same, None)
    return value if name is None else new[name]


REPLAYS: Mapping[str, Rewrite] = {"replay": as_they_were, "replay_substituted": substituted}


def replayed(task: Task, session: Rollout, rewrite: Rewrite) -> bool:
    """Whether the calls of a session do another task; a refused call does not end the replay."""
    episode = Episode(FLIGHT(), task)
    for step in session.steps:
        if episode.over:
            break
        episode.act(step.tool, rewrite(step.arguments, session.task.params, task.params))
    outcome = None if episode.last is None else episode.last.outcome
    return bool(outcome and outcome["success"])


def nearest(task: Task, sessions: Sequence[Rollout]) -> Rollout:
    """The session whose task has the most parameters in common with a task, the shortest of several."""

    def distance(session: Rollout) -> tuple[int, int]:
        old = session.task.params
        return -sum(old.get(name) == value for name, value in task.params.items()), len(session.steps)

    return min(sessions, key=distance)


def jobs(quick: bool) -> list[Callable[[], Figures]]:
    """One."""
    return [partial(measured, *((120, 100) if quick else (300, 500)))]


def measured(sessions: int, test_tasks: int) -> Figures:
    """All figures, from so many sessions of a steady teacher."""
    lesson = taught(TEACHERS["steady"], sessions)
    skills = lesson.skills(passed=True)
    found, looked_at = takers(skills, test_tasks)
    tasks = [task for task, _ in found] or FLIGHT.tasks().split("test").take(test_tasks)
    done = [session for session in lesson.sessions if session.success]
    return {
        "sessions": sessions,
        "programs": {program.job: program.why for program in lesson.programs},
        "verified": sorted(program.job for program in lesson.programs if program.passed),
        "drawn": looked_at,
        "skill": summary([tried(*each) for each in found]),
        **dict(_replays(tasks, done)),
    }


def _replays(tasks: Sequence[Task], done: Sequence[Rollout]) -> Iterator[tuple[str, Figures]]:
    for name, rewrite in REPLAYS.items():
        right = [replayed(task, nearest(task, done), rewrite) for task in tasks]
        can = [ok for task, ok in zip(tasks, right, strict=True) if task.secret["feasible"]]
        yield (
            name,
            {
                "tasks": len(tasks),
                "success": round(sum(right) / len(right), 3),
                "fulfilled": f"{sum(can)} of {len(can)}",
                "declined": f"{sum(right) - sum(can)} of {len(right) - len(can)}",
            },
        )


def figures(results: Sequence[Figures]) -> Figures:
    """Those that are named, and all that stands behind them."""
    (found,) = results
    skill = found["skill"]
    return {
        "heldout_success": skill["success"],
        "heldout_tasks": skill["tasks"],
        "heldout_done_but_wrong": skill["done_but_wrong"],
        "heldout_replay": found["replay"]["success"],
        "heldout_replay_substituted": found["replay_substituted"]["success"],
        "heldout": found,
    }
