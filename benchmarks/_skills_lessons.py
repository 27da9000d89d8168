"""Lessons: what is mined from a teacher's sessions, whether it passes, and how it does on the test split.

A teacher plays tasks of the train split, and every session is logged. Each job in the log is mined and the
program verified on fresh tasks, as in any round of learning. Then an agent runs what was mined on tasks of
the test split, one program for each, and goes on by hand, without a slip, where it stops.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._skills_teachers import TEACHERS, Teacher
from practicum.envs import Episode, Task, TaskSet, find
from practicum.memory import Log, Store
from practicum.skills.candidates import candidates
from practicum.skills.interpreter import applies
from practicum.skills.jobs import mined, whole_job
from practicum.skills.language import BadSkill, Skill
from practicum.skills.library import Library
from practicum.skills.proving import prove
from practicum.skills.trials import Limits
from practicum.training.agents import Playing, SkilledAgent, Use, scripted_agent
from practicum.training.rollouts import Rollout, Stage, roll_out_all

FLIGHT = find("flight")
Figures = dict[str, Any]
MOST_TEST_SEEDS = 40
"""Seeds that are looked through for each test task that a skill takes; one of ten is of the split."""
SEEDS_AT_ONCE = 400


@dataclass(frozen=True)
class Program:
    """What came of a job."""

    job: str
    skill: Skill | None
    passed: bool
    """Whether it was published."""
    why: str
    """It was, or was not, or there is none."""


@dataclass(frozen=True)
class Lesson:
    """What a teacher's sessions came to."""

    sessions: tuple[Rollout, ...]
    """As the log has them, wrong labels included."""
    programs: tuple[Program, ...]

    def skills(self, *, passed: bool) -> list[Skill]:
        """The programs that passed, or those that did not."""
        return [p.skill for p in self.programs if p.skill is not None and p.passed == passed]


def taught(teacher: Teacher, sessions: int) -> Lesson:
    """Let a teacher play so many sessions, and mine and verify each job in them."""
    tasks = FLIGHT.tasks().split("train").take(sessions)
    with tempfile.TemporaryDirectory() as folder, closing(Store.open(Path(folder) / "p.db")) as store:
        ids = np.random.default_rng(0)
        stage = Stage(
            env=teacher.world, place="flight-v1", log=Log(store), new_id=lambda: ids.bytes(16).hex()
        )
        played = roll_out_all(stage, tasks, teacher.agent, name="teacher")
        return Lesson(tuple(played), tuple(_programs(store)))


def _programs(store: Store) -> Iterator[Program]:
    library = Library(store)
    for candidate in candidates(store):
        job = whole_job(candidate, "local", FLIGHT)
        try:
            found = mined(store, job)
        except BadSkill as error:
            yield Program(job.title, None, False, str(error))
            continue
        if found is None:
            yield Program(job.title, None, False, f"its {job.size} tasks have too little in common")
        else:
            learnt = prove(library, found, Limits())
            yield Program(job.title, found.skill, learnt.what == "published", learnt.why)


# On tasks never seen ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """A test task, with a skill and then by hand."""

    task: Task
    use: Use
    success: bool
    """Of the session as a whole, whoever brought it to its end."""
    decisions: int

    @property
    def right(self) -> bool:
        """Whether the skill alone did it."""
        return self.use.finish.finished and bool(self.use.success)

    @property
    def wrong(self) -> bool:
        """Whether the skill says that it is done, and it is not."""
        return self.use.finish.finished and not self.use.success

    @property
    def feasible(self) -> bool:
        """Whether the wish can be fulfilled."""
        return bool(self.task.secret["feasible"])


def test_tasks(seeds: int) -> Iterator[Task]:
    """The test tasks of so many seeds."""
    for first_seed in range(0, seeds, SEEDS_AT_ONCE):
        yield from _test_tasks_from(first_seed)


@cache
def _test_tasks_from(first_seed: int) -> list[Task]:
    tasks = TaskSet.generated(FLIGHT.make_task, first_seed)
    return [task for task in islice(tasks, SEEDS_AT_ONCE) if task.split == "test"]


def takers(skills: Sequence[Skill], count: int) -> tuple[list[tuple[Task, Skill]], int]:
    """Test tasks that a skill is for, each with the first such, and how many test tasks were looked at."""
    looked_at = 0
    found: list[tuple[Task, Skill]] = []
    for task in test_tasks(count * MOST_TEST_SEEDS) if skills else ():
        looked_at += 1
        opening = Episode(FLIGHT(), task).opening.observation
        skill = next((each for each in skills if applies(each, task.params, opening)), None)
        if skill is not None:
            found.append((task, skill))
        if len(found) == count:
            break
    return found, looked_at


def tried(task: Task, skill: Skill) -> Tried:
    """Run a skill on a task; where it stops, an agent goes on by hand."""
    agent = SkilledAgent(scripted_agent("flight", seed=task.seed))
    playing = Playing(Episode(FLIGHT(), task), agent, skills=[skill], suggested=skill.name)
    steps = playing.play()
    outcome = steps[-1].outcome if steps else None
    return Tried(task, playing.uses[0], bool(outcome and outcome["success"]), playing.decisions)


def summary(trials: Sequence[Tried]) -> Figures:
    """What some test tasks say about the skills that they were played with."""
    can, cannot = ([t for t in trials if t.feasible is wanted] for wanted in (True, False))
    return {
        "tasks": len(trials),
        "success": share(trials, lambda t: t.right),
        "done_but_wrong": sum(t.wrong for t in trials),
        "fulfilled": f"{sum(t.right for t in can)} of {len(can)}",
        "declined": f"{sum(t.right for t in cannot)} of {len(cannot)}",
        "stops": dict(Counter(t.use.finish.stop.reason for t in trials if t.use.finish.stop).most_common()),
        "success_with_agent": share(trials, lambda t: t.success),
        "decisions": round(sum(t.decisions for t in trials) / max(1, len(trials)), 2),
    }


def share(trials: Sequence[Tried], what: Callable[[Tried], bool]) -> float | None:
    """Of how many it is so; None where there are none."""
    return round(sum(map(what, trials)) / len(trials), 3) if trials else None


# The part of the benchmark ----------------------------------------------------------------------------

QUICK_TEACHERS = ("noisy", "detours", "mislabelled", "misjudged")


def jobs(quick: bool) -> list[Callable[[], Figures]]:
    """One for each teacher."""
    names = QUICK_TEACHERS if quick else tuple(TEACHERS)
    return [partial(figures_of, name, *((100, 60) if quick else (200, 300))) for name in names]


def figures_of(name: str, sessions: int, test_tasks: int) -> Figures:
    """What is learned from a teacher; programs that did not pass are played too, for what they would do."""
    lesson = taught(TEACHERS[name], sessions)
    verified, unverified = (
        summary([tried(*each) for each in takers(lesson.skills(passed=passed), test_tasks)[0]])
        for passed in (True, False)
    )
    return {
        "teacher": name,
        "about": TEACHERS[name].about,
        "sessions": sessions,
        "logged_as_success": sum(rollout.success for rollout in lesson.sessions),
        "mislabelled": sum(is_mislabelled(rollout) for rollout in lesson.sessions),
        "programs": {program.job: program.why for program in lesson.programs},
        "verified": sorted(program.job for program in lesson.programs if program.passed),
        "heldout": verified,
        "unverified_heldout": unverified,
    }


def is_mislabelled(rollout: Rollout) -> bool:
    """Whether a session that went wrong is called a success."""
    outcome, feasible = rollout.outcome, rollout.task.secret["feasible"]
    return rollout.success and bool(outcome["violations"] or (outcome["declined"] and feasible))


def figures(results: Sequence[Figures]) -> Figures:
    """By teacher."""
    return {"teachers": {found["teacher"]: found for found in results}}
