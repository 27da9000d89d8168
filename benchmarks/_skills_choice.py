"""Regret of choosing among skills, and how often a search has the right one among the first three.

Chosen by linear Thompson sampling, by tables of Beta distributions, and by going by hand always.

Tasks are those of flight-v1, so that features and their frequencies are real; what a skill earns on a task
is a table of this file, because regret needs the truth: five skills, each good at a part of the tasks, and
going by hand, which succeeds in 70 % of them at eight decisions. Regret sums, over the rounds, what the best
arm for the task was to be expected to earn less what the drawn one was. Every chooser meets the same tasks
and the same luck, and the five skills have been verified on 20 tasks of the average kind each.

Searched: of ten skills, each for a part of the tasks, the one that a test task needs, by its instruction.
Past tasks of the train split vote, each for the skill that its session was played with; beside it, words of
the query in the skills' names and descriptions, which say in full sentences what each is for.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._skills_choosers import BetaTable, ByHand, Chooser
from practicum.envs import Task, find
from practicum.memory import Log, Store
from practicum.memory.skill_rows import SkillUse
from practicum.skills.bandit import BY_HAND, Bandit, Verified, control_share, reward
from practicum.skills.language import Skill
from practicum.skills.library import Entry, Library
from practicum.skills.suggestions import found_first
from practicum.training.agents import scripted_agent
from practicum.training.rollouts import Stage, roll_out_all

ROUNDS = 4_000
REPEATS = 12
FLIGHT = find("flight")
Params = Mapping[str, Any]

CHOOSERS: Mapping[str, Callable[[], Chooser]] = {
    "linear": Bandit,
    "keyed": lambda: BetaTable(keyed=True),
    "beta": lambda: BetaTable(keyed=False),
    "by_hand": ByHand,
}


def _plain(task: Params) -> bool:
    return task["kind"] == "book" and not task["flex_days"] and not task["instalments"]


SKILLS: Mapping[str, Callable[[Params], float]] = {
    "book_plain": lambda t: 0.97 - 0.25 * t["p_sold_out"] if _plain(t) else 0.1,
    "book_late": lambda t: 0.95 if t["kind"] == "book" and t.get("depart_after") else 0.35,
    "book_flexible": lambda t: 0.96 if t["kind"] == "book" and t["flex_days"] else 0.3,
    "book_in_instalments": lambda t: 0.94 if t["kind"] == "book" and t["instalments"] else 0.25,
    "end_booking": lambda t: 0.98 if t["kind"] != "book" else 0.05,
}
"""Probability of success by skill; each takes one decision."""
HAND = (0.7, 8)
"""Probability of success and decisions of going by hand."""


def to_expect(arm: str, task: Params) -> float:
    """What an arm is to be expected to earn on a task."""
    success, decisions = HAND if arm == BY_HAND else (SKILLS[arm](task), 1)
    return success + reward(success=False, decisions=decisions)


@cache
def _tasks(repeat: int, rounds: int) -> list[Params]:
    return [task.params for task in FLIGHT.tasks(1_000_000 * repeat).take(rounds)]


def verified(tasks: list[Params], random: np.random.Generator) -> dict[str, Verified]:
    """What 20 tasks of the same world count for each skill."""
    counts = {}
    for arm, success in SKILLS.items():
        hits = sum(random.random() < success(task) for task in tasks[:20])
        counts[arm] = Verified(hits, 20 - hits)
    return counts


def regret(chooser: Chooser, repeat: int, rounds: int, *, control: bool = False) -> float:
    """The regret of one run; with `control`, some rounds go by hand whatever was drawn."""
    random = np.random.default_rng((repeat, 0xB4D))
    tasks = _tasks(repeat, rounds)
    arms = verified(tasks, random)
    lost = 0.0
    for number, task in enumerate(tasks, 1):
        luck = random.random(2)
        arm = chooser.draw(np.random.default_rng((repeat, number)), task, arms)
        if control and luck[1] < control_share(number):
            arm = BY_HAND
        price = reward(success=False, decisions=HAND[1] if arm == BY_HAND else 1)
        earned = to_expect(arm, task)
        chooser.learn(task, arm, float(luck[0] < earned - price) + price)
        lost += max(to_expect(each, task) for each in (BY_HAND, *SKILLS)) - earned
    return lost


JOBS: Mapping[str, tuple[Callable[[Params], bool], str]] = {
    "cancel_booking": (lambda t: t["kind"] == "cancel", "Cancels a booking if the fee is low enough."),
    "refund_booking": (lambda t: t["kind"] == "refund", "Cancels a booking and gets the money back."),
    "book_in_3_months": (lambda t: t["instalments"] == 3, "Books a flight and pays over 3 months."),
    "book_in_6_months": (lambda t: t["instalments"] == 6, "Books a flight and pays over 6 months."),
    "book_in_12_months": (lambda t: t["instalments"] == 12, "Books a flight and pays over 12 months."),
    "book_flexible": (
        lambda t: bool(t["flex_days"]),
        "Books a flight that may leave a day earlier or later.",
    ),
    "book_direct": (lambda t: t["max_stops"] == 0, "Books a flight without stops."),
    "book_late": (lambda t: bool(t["depart_after"]), "Books a flight that departs after a time of day."),
    "book_few_stops": (lambda t: t["max_stops"] is not None, "Books a flight with few stops."),
    "book_any": (lambda t: True, "Books the cheapest flight."),
}
"""What each skill is for, the first that fits, and its description."""


def job_of(task: Task) -> str:
    """The skill that a task needs."""
    return next(name for name, (fits, _) in JOBS.items() if fits({"instalments": 0, **task.params}))


def search_recall(past: int, queries: int) -> dict[str, float]:
    """The share of test tasks whose skill a search names first, and among the first three."""
    entries = [_entry(name, number) for number, name in enumerate(JOBS)]
    with tempfile.TemporaryDirectory() as folder, closing(Store.open(Path(folder) / "p.db")) as store:
        stage = Stage(env=FLIGHT, place="flight-v1", log=Log(store))
        tasks = FLIGHT.tasks().split("train").take(past)
        for played in roll_out_all(stage, tasks, lambda _: scripted_agent("flight"), name="scripted"):
            _as_if_used(store, str(played.session), job_of(played.task))
        ranks: dict[str, list[int]] = {"votes": [], "words": []}
        for task in FLIGHT.tasks().split("test").take(queries):
            for way, principal in (("votes", "local"), ("words", "nobody")):
                found = found_first(store, entries, task.instruction, principal=principal, env="flight")
                ranks[way].append([entry.skill.name for entry in found].index(job_of(task)))
    return {
        f"{way}_at_{most}": round(float(np.mean([rank < most for rank in found])), 3)
        for way, found in ranks.items()
        for most in (1, 3)
    }


def _entry(name: str, number: int) -> Entry:
    skill = Skill(name, 1, "flight", 1, {}, (), description=JOBS[name][1])
    return Entry(skill, "published", "local", False, number, 20, 0, 0, 0, 0, None)


def _as_if_used(store: Store, session: str, name: str) -> None:
    use = SkillUse(
        session=session, turn=1, name=name, version=1, hash="", calls=1, success=True, stop=None, hit=True,
        arguments={}, finish={},
    )  # fmt: skip
    Library(store).used(use)


def measure(*, quick: bool) -> dict[str, Any]:
    """The mean regret of each chooser, what a draw costs, and how often searches find the right skill."""
    repeats, rounds = (1 if quick else REPEATS), ROUNDS
    figures: dict[str, Any] = {}
    for name, make in CHOOSERS.items():
        began = time.perf_counter()
        found = [regret(make(), repeat, rounds) for repeat in range(1, repeats + 1)]
        figures[f"regret_{name}"] = round(float(np.mean(found)), 1)
        if name == "linear":
            figures["draw_us"] = round((time.perf_counter() - began) / repeats / rounds * 1e6)
    controlled = [regret(Bandit(), repeat, rounds, control=True) for repeat in range(1, repeats + 1)]
    figures["regret_linear_with_control"] = round(float(np.mean(controlled)), 1)
    return figures | search_recall(400 if quick else 1_000, 100 if quick else 500)
