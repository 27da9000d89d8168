"""Verify: a skill is played on fresh tasks of the verify split, and on tasks built to break it.

The world is the judge. A skill passes with an e-value of 20 against "its chance of success is at most .8" and
with no task done but wrong, attacks included. Where it stops it has passed on to the agent: on a drawn task
that is a miss, under an attack it is as good as done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache, partial
from itertools import count, islice
from typing import Any

from practicum.envs.episodes import Episode
from practicum.envs.errors import UsageError
from practicum.envs.tasks import Task
from practicum.memory.log import Log
from practicum.memory.replay import world_sha256
from practicum.memory.rows import dump_text, load
from practicum.skills.adversaries import BREAKDOWNS, attacks, made
from practicum.skills.evidence import ENOUGH, e_value
from practicum.skills.language import Skill
from practicum.skills.trials import EnvClass, Exhausted, Limits, Trial, Trials, Verification, free_arguments
from practicum.skills.workers import HERE, Workers

SEEDS_A_TASK = 40
"""Seeds that are looked at for each drawn task before the world is taken to have no more."""
SHARE_SCANNED = 0.5
"""Of the drawn tasks, so many more are looked through for ways that were not taken yet."""
SAMPLE = 60
"""Seeds whose tasks tell which parameters there are, and what attacks put in each other's place."""


def verify(
    skill: Skill,
    env_class: EnvClass,
    *,
    settings: Mapping[str, Any] | None = None,
    tasks_already_seen: Collection[str] = (),
    first_seed: int = 0,
    limits: Limits | None = None,
    log: Log | None = None,
    env: str = "",
    principal: str = "local",
    clock: Callable[[], float] = time.monotonic,
    workers: Workers = HERE,
) -> Verification:
    """Judge a skill that does a whole job; candidates, quarantined and promoted ones alike.

    One that does a part of a job, or needs an argument which no task tells, is for `verify_held_out`.

    Drawn tasks first, until the e-value is reached or cannot be any more; then attacks; then more drawn tasks
    until every guard has gone every way. Ends with the first task that is done but wrong.

    Args:
        skill: the program.
        env_class: its world.
        settings: of the tasks, as `make_task` takes them.
        tasks_already_seen: hashes of tasks that are not fresh.
        first_seed: of the tasks; another one for another verification of the same skill.
        limits: what it may cost.
        log: where what is played is kept, as sessions of purpose `verification`.
        env: the name that the log and other processes find the world by; its id where empty.
        principal: whose sessions they are.
        clock: seconds.
        workers: where tasks are played; the verdict is the same wherever that is, within the limits of time.
    """
    trials = Trials(skill, env_class, limits or Limits(), log, env, principal, clock, workers)
    try:
        refusal = _refusal(skill, env_class, settings or {}, first_seed)
        if refusal:
            return trials.report(refusal)
        return _verified(trials, settings or {}, frozenset(tasks_already_seen), first_seed)
    except UsageError as error:
        return trials.report(f"{env_class.env_id()} does not begin: {error}")
    except Exhausted as spent:
        return trials.report(f"not decided: {spent}")


def _refusal(skill: Skill, env_class: EnvClass, settings: Mapping[str, Any], first_seed: int) -> str:
    """Why a skill cannot be judged on fresh tasks of a world; empty where it can."""
    if (skill.env, skill.env_version) != (env_class.name, env_class.version):
        return f"it is a skill of {skill.env_id}, and this is {env_class.env_id()}"
    task = env_class.make_task(first_seed, **settings)
    if env_class.waits(task):
        return f"{env_class.env_id()} waits for what is outside of it, so nothing can be tried there"
    sample = _sample(env_class, settings, first_seed)
    lacking = free_arguments(skill, {name for each in sample for name in each.params})
    if lacking:
        return f"no task of {env_class.env_id()} tells its argument {next(iter(lacking))!r}"
    if _beginning(env_class, task) != _beginning(env_class, task):
        return f"a task of {env_class.env_id()} does not begin the same twice, so nothing tried there counts"
    return ""


def _sample(env_class: EnvClass, settings: Mapping[str, Any], first_seed: int) -> list[Task]:
    """Tasks as the world draws them, of any split; for their parameters alone."""
    seeds = range(first_seed, first_seed + SAMPLE)
    return [task for seed in seeds if (task := made(env_class, seed, settings)) is not None]


def _beginning(env_class: EnvClass, task: Task) -> tuple[str, str]:
    episode = Episode(env_class(), task)
    try:
        return world_sha256(episode.env), episode.opening.text
    finally:
        episode.env.close()


def _verified(
    trials: Trials, settings: Mapping[str, Any], seen: frozenset[str], first_seed: int
) -> Verification:
    fresh = partial(fresh_tasks, trials.env_class, settings, seen, first_seed)
    failure = _prove(trials, fresh()) or _attack(trials, settings, seen, first_seed)
    drawn = sum(trial.kind == "drawn" for trial in trials.made)
    failure = failure or _scan(trials, islice(fresh(), drawn, None))
    if failure:
        return trials.report(failure)
    report = trials.report("")
    played = report.hits + report.misses
    words = f"an e-value of {report.e_value:.1f} after {played} tasks, none done but wrong"
    return trials.report(words, passed=True)


def fresh_tasks(
    env_class: EnvClass, settings: Mapping[str, Any], seen: Collection[str], first_seed: int
) -> Iterator[Task]:
    """Tasks of the verify split that nobody has seen, seed by seed, as long as there are any of it."""
    drawn = _drawn(env_class, dump_text(dict(settings)), first_seed)  # type: ignore[arg-type]  # has a hash
    return (task for task in drawn if task.hash not in seen)


@lru_cache(maxsize=8)
def _drawn(env_class: EnvClass, settings: str, first_seed: int) -> _Drawn:
    return _Drawn(env_class, load(settings), first_seed)


class _Drawn:
    """The tasks of the verify split, each drawn once however often they are gone through.

    Nine of ten tasks are drawn in vain, and every program is tried on the same ones.
    """

    def __init__(self, env_class: EnvClass, settings: Mapping[str, Any], first_seed: int) -> None:
        self._made = partial(made, env_class, settings=settings)
        self._seed = first_seed
        self._barren = 0
        self._tasks: list[Task] = []

    def __iter__(self) -> Iterator[Task]:
        """Those that are known, then one more at a time."""
        for place in count():
            if place == len(self._tasks) and not self._finds_another():
                return
            yield self._tasks[place]

    def _finds_another(self) -> bool:
        while self._barren <= 10 * SEEDS_A_TASK:
            task = self._made(seed=self._seed)
            if task is None:
                return False
            self._seed += 1
            self._barren += 1
            if task.split == "verify":
                self._barren = 0
                self._tasks.append(task)
                return True
        return False


def _prove(trials: Trials, fresh: Iterator[Task]) -> str:
    """Play drawn tasks until they are enough; says why where they are not."""
    left = trials.limits.tasks
    declined = 0
    for trial in trials.play(("drawn", task) for task in fresh):
        if trial.verdict == "declined":
            declined += 1
            if declined > SEEDS_A_TASK * trials.limits.tasks // 10:
                break
            continue
        left -= 1
        report = trials.report("")
        if trial.verdict == "wrong":
            return _done_but_wrong(trial)
        if report.e_value >= ENOUGH:
            return ""
        if e_value(report.hits + left, report.misses) < ENOUGH:
            return f"{report.misses} of {report.hits + report.misses} tasks were not done, too many to pass"
    report = trials.report("")
    return f"too few tasks that it is for: {report.hits + report.misses} of {len(trials.made)}"


def _attack(trials: Trials, settings: Mapping[str, Any], seen: frozenset[str], first_seed: int) -> str:
    """Play tasks that are built to break the skill; says which one did."""
    tasks = _attacks(trials, settings, seen | trials.played, first_seed)
    for trial in trials.play(tasks, endured=BREAKDOWNS):
        if trial.verdict == "wrong":
            return _done_but_wrong(trial)
    return ""


def _attacks(
    trials: Trials, settings: Mapping[str, Any], seen: Collection[str], first_seed: int
) -> Iterator[tuple[str, Task]]:
    """Every task that nobody has seen, once, each after the name of its attack."""
    sample = _sample(trials.env_class, settings, first_seed)
    met = set(seen)
    for attack in attacks(trials.skill, trials.env_class, settings, sample):
        for task in attack.tasks(trials.env_class, first_seed, trials.limits.attacks):
            if task.hash not in met:
                met.add(task.hash)
                yield attack.name, task


def _scan(trials: Trials, fresh: Iterator[Task]) -> str:
    """Play more drawn tasks while guards have ways that were not taken; says where that broke the skill.

    What is still unseen when the limits are used up stands in the report.
    """
    if not trials.sides.unseen() or trials.spent():
        return ""
    more = islice(fresh, int(SHARE_SCANNED * trials.limits.tasks))
    for trial in trials.play(("scanned", task) for task in more):
        if trial.verdict == "wrong":
            return _done_but_wrong(trial)
        if not trials.sides.unseen() or trials.spent():
            return ""
    return ""


def _done_but_wrong(trial: Trial) -> str:
    return f"done but wrong on a task ({trial.kind}, seed {trial.seed})"
