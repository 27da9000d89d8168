"""Learning while playing: decisions and success over a user's sessions, with skills and by hand.

Each seed is a user with an empty log and tasks of its own, drawn as flight-v1 draws them, with all
disturbances on: the probability of each grows with the task's difficulty, which is drawn from 0 to 1 and
rounds to 0 in one booking of a hundred. A session begins with the library's suggestion; a scripted agent,
which slips in one call of twenty, runs it and goes on by hand where it stops. From the 12th session on, every
6th is followed by a round of learning. The same agent plays the same tasks by hand with the same slips.
Figures are of the sessions after the 30th, but for what is wrong, declined or failed, which are of all.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from practicum.envs import TaskSet, find
from practicum.memory import Log, Store
from practicum.skills.learning import Round, learn
from practicum.training.agents import SkilledAgent, scripted_agent
from practicum.training.bootstrap import mean
from practicum.training.rollouts import Rollout, SkillShelf, Stage, roll_out

FLIGHT = find("flight")
SESSIONS = 60
EARLY = 30
"""Sessions that a user has to learn; the figures are of the later ones."""
FIRST_ROUND, EVERY = 12, 6
SLIPS = 0.05
SEEDS_APART = 10_000
SEEDS, QUICK_SEEDS = 12, 3
Figures = dict[str, Any]


@dataclass(frozen=True)
class Played:
    """What is kept of a session."""

    decisions: int
    success: bool
    regret: float | None
    """In the world's money; None where there is no best end."""
    feasible: bool
    control: bool = False
    """Whether it went by hand only so that skills have something to be held against."""
    uses: int = 0
    stops: tuple[str, ...] = ()
    """Why skills stopped, in their order."""
    wrong: int = 0
    """Skills that said they are done in a session that did not come to the right end."""
    failure: str | None = None

    @classmethod
    def of(cls, rollout: Rollout) -> Played:
        """What is kept of a rollout."""
        finishes = [use.finish for use in rollout.uses]
        regret = rollout.outcome.get("regret")
        return cls(
            decisions=rollout.decisions,
            success=rollout.success,
            regret=None if regret is None else float(regret),
            feasible=bool(rollout.task.secret["feasible"]),
            control=rollout.suggestion is not None and rollout.suggestion.control,
            uses=len(finishes),
            stops=tuple(finish.stop.reason for finish in finishes if finish.stop),
            wrong=sum(finish.finished and not rollout.success for finish in finishes),
            failure=rollout.failure,
        )


@dataclass(frozen=True)
class User:
    """One seed's sessions, both ways, in their order."""

    skilled: tuple[Played, ...]
    by_hand: tuple[Played, ...]
    rounds: tuple[tuple[int, float, Round], ...]
    """After how many sessions each round of learning was, its CPU seconds, and what came of it."""

    @property
    def first_skill(self) -> int | None:
        """Sessions until the first skill was published."""
        return next((after for after, _, found in self.rounds if found.published), None)


def played(seed: int, sessions: int) -> User:
    """Let one user play so many sessions."""
    tasks = TaskSet.generated(FLIGHT.make_task, seed * SEEDS_APART).split("train").take(sessions)
    ids = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, closing(Store.open(Path(folder) / "p.db")) as store:
        shelf = SkillShelf.of(store)
        stage = Stage(env=FLIGHT, log=Log(store), skills=shelf, new_id=lambda: ids.bytes(16).hex())
        skilled, by_hand, rounds = [], [], []
        for number, task in enumerate(tasks, 1):
            agents = [scripted_agent("flight", seed=task.seed, noise=SLIPS) for _ in range(2)]
            skilled.append(Played.of(roll_out(stage, task, SkilledAgent(agents[0]), "skilled")))
            by_hand.append(Played.of(roll_out(Stage(env=FLIGHT), task, agents[1], "by hand")))
            if number >= FIRST_ROUND and number % EVERY == 0:
                rounds.append((number, *_timed(partial(learn, store))))
    return User(tuple(skilled), tuple(by_hand), tuple(rounds))


def _timed(work: Callable[[], Round]) -> tuple[float, Round]:
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def jobs(quick: bool) -> list[Callable[[], User]]:
    """One for each seed."""
    return [partial(played, seed, SESSIONS) for seed in range(1, 1 + (QUICK_SEEDS if quick else SEEDS))]


# Figures ----------------------------------------------------------------------------------------------

Measure = Callable[[Played], float | None]
MEASURES: Mapping[str, Measure] = {
    "decisions": lambda session: None if session.control else float(session.decisions),
    "decisions_all": lambda session: float(session.decisions),
    "success": lambda session: float(session.success),
    "regret": lambda session: session.regret,
}


def figures(users: Sequence[User]) -> Figures:
    """All figures; differences to by hand are means over the seeds with their 95 % intervals."""
    skilled = [session for user in users for session in user.skilled[EARLY:]]
    by_hand = [session for user in users for session in user.by_hand[EARLY:]]
    found: Figures = {"seeds": len(users), "sessions_a_seed": SESSIONS}
    for name, measure in MEASURES.items():
        found[name] = average(skilled, measure)
        found[f"{name}_by_hand"] = average(by_hand, measure)
        found[f"{name}_difference"] = difference(users, measure)
    return found | whole(users) | use_of_skills(skilled) | learning(users) | {"curves": curves(users)}


def average(sessions: Sequence[Played], measure: Measure) -> float | None:
    """The mean of those that have a value."""
    values = [value for value in map(measure, sessions) if value is not None]
    return round(float(np.mean(values)), 3) if values else None


def difference(users: Sequence[User], measure: Measure) -> Figures | None:
    """How much more there is with skills than by hand: paired by task, averaged by seed, over the seeds."""
    gains = [np.mean(pairs) for user in users if (pairs := list(_pairs(user, measure)))]
    found = mean([float(gain) for gain in gains])
    return None if found is None else {name: round(value, 4) for name, value in found.as_json().items()}


def _pairs(user: User, measure: Measure) -> Iterator[float]:
    for one, other in zip(user.skilled[EARLY:], user.by_hand[EARLY:], strict=True):
        mine, theirs = measure(one), measure(other)
        if mine is not None and theirs is not None:
            yield mine - theirs


def whole(users: Sequence[User]) -> Figures:
    """What is counted over all sessions."""
    every = [session for user in users for session in user.skilled]
    by_hand = [session for user in users for session in user.by_hand]
    infeasible = [session for session in every if not session.feasible]
    return {
        "done_but_wrong": sum(session.wrong for session in every),
        "declined": average(infeasible, MEASURES["success"]),
        "declined_by_hand": average([s for s in by_hand if not s.feasible], MEASURES["success"]),
        "infeasible_tasks": len(infeasible),
        "failures": sum(session.failure is not None for session in [*every, *by_hand]),
    }


def use_of_skills(sessions: Sequence[Played]) -> Figures:
    """How skills were used."""
    uses = sum(session.uses for session in sessions)
    decisions = sum(session.decisions for session in sessions)
    stops = Counter(reason for session in sessions for reason in session.stops)
    return {
        "uses": uses,
        "explore_exploit": round(uses / max(1, decisions - uses), 3),
        "control_sessions": sum(session.control for session in sessions),
        "stop_rate": round(stops.total() / uses, 3) if uses else None,
        "stops": dict(stops.most_common()),
    }


def learning(users: Sequence[User]) -> Figures:
    """How long learning takes: in sessions, None where no skill came, and in CPU seconds."""
    outcomes = Counter(each.what for user in users for _, _, found in user.rounds for each in found.learnt)
    return {
        "sessions_to_skill": [user.first_skill for user in users],
        "learning_cpu_s_a_seed": round(
            float(np.mean([sum(cpu_s for _, cpu_s, _ in user.rounds) for user in users])), 1
        ),
        "learnt": dict(outcomes.most_common()),
    }


def curves(users: Sequence[User]) -> Figures:
    """By session, the means over the seeds."""
    ways = {"skilled": [user.skilled for user in users], "by_hand": [user.by_hand for user in users]}
    return {
        f"{name}_{way}": [average(session, MEASURES[name]) for session in zip(*sessions, strict=True)]
        for way, sessions in ways.items()
        for name in ("decisions", "decisions_all", "success")
    }
