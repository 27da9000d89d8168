"""Trials: a skill played on one task after another, with what came of each and what all of it cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal

from practicum.envs.core import ToolEnv
from practicum.envs.episodes import Episode, ListRecorder, Opening, Step
from practicum.envs.tasks import Task
from practicum.memory.log import Log
from practicum.memory.starts import SessionStart, new_session_id
from practicum.skills.evidence import e_value
from practicum.skills.interpreter import Finish, play
from practicum.skills.language import Skill, calls_in
from practicum.skills.sides import Sides
from practicum.skills.workers import HERE, Findable, Workers

EnvClass = type[ToolEnv[Any]]
Verdict = Literal["hit", "stop", "wrong", "declined"]
"""Finished and right; stopped, the agent goes on; finished and not right; stopped before the first call,
because the preconditions do not hold."""


@dataclass(frozen=True)
class Limits:
    """What a verification may cost."""

    tasks: int = 400
    """Drawn tasks, or logged sessions, that are played."""
    attacks: int = 2
    """Tasks of each attack."""
    calls: int = 10_000
    seconds: float = 120.0


@dataclass(frozen=True)
class Trial:
    """A skill on one task."""

    kind: str
    """`drawn`, `scanned`, `held out`, or the name of an attack."""
    task: str
    """Content hash."""
    seed: int
    verdict: Verdict
    stop: str | None
    """Reason of the stop; `unfit` where it finished and the rest of a logged session did not fit to it."""
    calls: int


@dataclass(frozen=True)
class Verification:
    """What a skill showed on tasks that it had never seen."""

    skill: str
    """Hash of the program."""
    passed: bool
    reason: str
    """Why it passed, or did not, in one line."""
    e_value: float
    """Of the drawn tasks, against a chance of success of at most .8."""
    trials: tuple[Trial, ...] = ()
    sides: Mapping[str, Sequence[bool]] = field(default_factory=dict)
    """Which way each predicate, guard and case went, by its place in the program; both: `[False, True]`."""
    unseen: tuple[str, ...] = ()
    """Guards and cases of which a way was never taken."""
    wrong: tuple[Task, ...] = ()
    """The tasks that it finished, and the world did not agree."""

    @property
    def hits(self) -> int:
        """Drawn tasks that were done."""
        return self._count("hit")

    @property
    def misses(self) -> int:
        """Drawn tasks that were not done, those left aside that it declined before its first call."""
        return self._count("stop") + self._count("wrong")

    def _count(self, verdict: Verdict) -> int:
        return sum(trial.verdict == verdict and trial.kind in COUNTED for trial in self.trials)

    @property
    def done_but_wrong(self) -> tuple[Trial, ...]:
        """Those that it finished, and the world did not agree."""
        return tuple(trial for trial in self.trials if trial.verdict == "wrong")

    @property
    def stops(self) -> dict[str, int]:
        """How often it stopped on drawn tasks, by reason."""
        return dict(Counter(t.stop for t in self.trials if t.stop is not None and t.kind in COUNTED))

    @property
    def calls(self) -> int:
        """Inner calls of all trials."""
        return sum(trial.calls for trial in self.trials)

    @property
    def tasks(self) -> frozenset[str]:
        """Hashes of the tasks that it has now seen."""
        return frozenset(trial.task for trial in self.trials)

    @property
    def kinds(self) -> dict[str, dict[str, int]]:
        """Verdicts by kind of task."""
        kinds = dict.fromkeys(trial.kind for trial in self.trials)
        return {kind: dict(Counter(t.verdict for t in self.trials if t.kind == kind)) for kind in kinds}

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object for the log, without the single trials."""
        return {
            "passed": self.passed,
            "reason": self.reason,
            "e_value": round(self.e_value, 3),
            "hits": self.hits,
            "misses": self.misses,
            "stops": self.stops,
            "done_but_wrong": [asdict(trial) for trial in self.done_but_wrong],
            "kinds": self.kinds,
            "sides": {place: list(ways) for place, ways in self.sides.items()},
            "unseen": list(self.unseen),
            "calls": self.calls,
        }


COUNTED = ("drawn", "held out")
"""Kinds of trials that are evidence for the chance of success; the others are not drawn as tasks come."""


class Exhausted(Exception):  # noqa: N818  # says what is so
    """The trials have used up their limits."""


@dataclass
class Trials:
    """The trials of one skill, one after the other."""

    skill: Skill
    env_class: EnvClass
    limits: Limits
    log: Log | None = None
    env: str = ""
    """The name to find the environment by, for the log and other processes; its id where empty."""
    principal: str = "local"
    clock: Callable[[], float] = time.monotonic
    workers: Workers = HERE
    made: list[Trial] = field(default_factory=list)
    played: set[str] = field(default_factory=set)
    """Hashes of the tasks."""
    wrong: list[Task] = field(default_factory=list)
    """Tasks that were finished and are not right."""

    def __post_init__(self) -> None:
        self.sides = Sides(self.skill)
        self.until = self.clock() + self.limits.seconds

    def spent(self) -> str:
        """What is used up, calls or time; empty while something may still be played."""
        if sum(trial.calls for trial in self.made) >= self.limits.calls:
            return f"{self.limits.calls} calls were made"
        return f"{self.limits.seconds:g} seconds have passed" if self.clock() >= self.until else ""

    def check(self) -> None:
        """See that something may still be played.

        Raises:
            Exhausted: says what is used up.
        """
        if spent := self.spent():
            raise Exhausted(spent)

    def play(
        self, tasks: Iterable[tuple[str, Task]], *, endured: tuple[type[Exception], ...] = ()
    ) -> Iterator[Trial]:
        """Play the skill on tasks, one trial each, in their order.

        Some tasks may be drawn and played before it is their turn; what is not asked for does not count.

        Args:
            tasks: each after its kind.
            endured: a task on which the world raises one of these has no trial.

        Raises:
            Exhausted: as `check`.
            UsageError: the world refuses to begin a task.
        """
        world = Findable(self.env_class, self._found_by)
        for kind, played in self.workers.map(partial(_played, self.skill, world, endured), tasks):
            self.check()
            if played is not None:
                self._keep(played)
                self.sides.add(played.sides)
                yield self.add(kind, played.opening.task, played.finish, right=played.right)

    @property
    def _found_by(self) -> str:
        return self.env or self.env_class.env_id()

    def _keep(self, played: _Played) -> None:
        kept = Kept(self.log, self._found_by, self.principal)
        kept.opened(played.opening)
        for step in played.steps:
            kept.record(step)
        kept.close()

    def add(self, kind: str, task: Task, finish: Finish, *, right: bool | None) -> Trial:
        """Keep what came of a task; a right of None, where nobody can tell, counts as a stop."""
        reason = finish.stop.reason if finish.stop else "unfit" if right is None else None
        trial = Trial(kind, task.hash, task.seed, _verdict(finish, right=right), reason, finish.calls)
        self.played.add(task.hash)
        if trial.verdict == "wrong":
            self.wrong.append(task)
        self.made.append(trial)
        return trial

    def report(self, reason: str, *, passed: bool = False) -> Verification:
        """What all trials amount to."""
        so_far = Verification(self.skill.hash, passed, reason, 1.0, tuple(self.made))
        evidence = e_value(so_far.hits, so_far.misses)
        sides, unseen = self.sides.table(), tuple(self.sides.unseen())
        wrong = tuple(self.wrong)
        return Verification(self.skill.hash, passed, reason, evidence, so_far.trials, sides, unseen, wrong)


def _verdict(finish: Finish, *, right: bool | None) -> Verdict:
    if finish.stop is None:
        return "stop" if right is None else "hit" if right else "wrong"
    return "declined" if finish.stop.reason == "precondition" and finish.calls == 0 else "stop"


def free_arguments(skill: Skill, told: Container[str]) -> dict[str, list[tuple[str, str]]]:
    """Arguments that a caller must give, as no task tells them, each with the tools' arguments it goes to."""
    free: dict[str, list[tuple[str, str]]] = {}
    for call in calls_in(skill.body):
        for argument, expr in call["args"].items():
            name = expr.get("param")
            if name is not None and name not in told:
                free.setdefault(name, []).append((call["tool"], argument))
    return free


def is_right(episode: Episode) -> bool:
    """Whether the world judges the session, as it stands, to have come to the right end."""
    last = episode.last
    if last is not None and last.outcome is not None:
        return bool(last.outcome["success"])
    return episode.env.outcome().success


@dataclass(frozen=True)
class _Played:
    """How a skill went on a task, wherever it was played."""

    opening: Opening
    steps: tuple[Step, ...]
    finish: Finish
    right: bool
    sides: Mapping[str, Sequence[bool]]


def _played(
    skill: Skill, world: Findable, endured: tuple[type[Exception], ...], item: tuple[str, Task]
) -> tuple[str, _Played | None]:
    kind, task = item
    sides, recorder = Sides(skill), ListRecorder()
    try:
        episode = Episode(world.env_class(), task, recorder=recorder)
        with closing(episode.env):
            finish = play(skill, episode, notice=sides)
            right = is_right(episode)
    except endured:
        return kind, None
    return kind, _Played(episode.opening, tuple(recorder.steps), finish, right, sides.table())


class Kept:
    """A recorder that begins a session of the log with the first step, so that none is empty."""

    def __init__(self, log: Log | None, env: str, principal: str) -> None:
        self._log, self._env, self._principal = log, env, principal
        self._opening: Opening | None = None
        self._id = ""

    def opened(self, opening: Opening) -> None:
        """Remember the beginning."""
        self._opening = opening

    def record(self, step: Step) -> None:
        """Write the step, after the beginning where it is the first."""
        if self._log is None or self._opening is None:
            return
        if not self._id:
            self._id = new_session_id()
            opening = self._opening
            start = SessionStart(
                id=self._id, env=self._env, task=opening.task, purpose="verification",
                principal=self._principal, client_name="practicum skills", outside=opening.outside,
            )  # fmt: skip
            self._log.start(start)
        self._log.append(self._id, step)

    def close(self) -> None:
        """End the session, where there is one that the world has not ended."""
        if self._log is not None and self._id:
            self._log.close(self._id, "verification")
