"""Retail: skills mined between turns with customers, used on test tasks by an agent that knows its plan.

Two teachers play the train split, a call in twenty a slip, and what is published of their sessions is offered
to the same agent on the test split, without slips. `oracle` looks up what its plan looks up. `thorough` also
looks at the customer and at each of their orders before, as agents do that are told no order number.

With skills the agent knows which calls it would make next, up to the next turn. It runs the skill that makes
most of them, told by the tools that its description names and the arguments that its schema takes, and makes
by hand what was not shown. A use is of help where it finished and showed every call that it was run for.
"""

from __future__ import annotations

import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from practicum.envs import Episode, Task, find
from practicum.memory import Log, Store
from practicum.skills.learning import learn
from practicum.skills.library import Library
from practicum.skills.text import as_text
from practicum.training.agents import Decision, Playing, ScriptedAgent, Tool
from practicum.training.agents.retail_oracle import OracleScript
from practicum.training.agents.scripted import Script
from practicum.training.bootstrap import mean
from practicum.training.rollouts import Rollout, SkillShelf, Stage, roll_out_all

RETAIL = find("retail")
SLIPS = 0.05
TURN = "respond"
Figures = dict[str, Any]
MakeScript = Callable[[Task], Script]


class ThoroughScript:
    """Once it knows who the customer is, looks at them and at each of their orders, then does the plan."""

    def __init__(self, task: Task) -> None:
        self._oracle = OracleScript(task)
        self._looks: deque[Decision] = deque()

    def start(self, instruction: str, observation: Any) -> None:
        """Nothing has been looked at yet."""
        self._looks.clear()
        self._oracle.start(instruction, observation)

    def learn(self, made: Decision, result: Any, error: str | None) -> None:
        """Look at what a lookup has shown, or go on in the plan."""
        if self._looks and made is self._looks[0]:
            self._looks.popleft()
            if made.tool == "get_user_details":
                self._looks.extend(
                    Decision("get_order_details", {"order_id": each}) for each in result["orders"]
                )
            return
        is_plan = made is self._oracle.next()
        self._oracle.learn(made, result, error)
        if is_plan and made.tool.startswith("find_user_id"):
            self._looks.append(Decision("get_user_details", {"user_id": result}))

    def next(self) -> Decision:
        """The next look, or the next call of the plan."""
        return self._looks[0] if self._looks else self._oracle.next()

    def slip(self, random: np.random.Generator, tools: Sequence[Tool]) -> Decision:
        """Look up something that there is not."""
        return self._oracle.slip(random, tools)


TEACHERS: Mapping[str, MakeScript] = {"oracle": OracleScript, "thorough": ThoroughScript}


class SkilledOracle:
    """Plays a script; between turns it runs the skill that makes most of the calls that come next.

    Args:
        task: the one that it will play.
        make: the script.
    """

    def __init__(self, task: Task, make: MakeScript) -> None:
        self._script = make(task)
        self._ahead = deque(_by_hand(task, make))
        """The calls that the script would make, from now on."""
        self._made: Decision | None = None
        self._wanted = 0
        """Of the next calls, those that the skill which was run would make."""
        self._tried = 0
        """How many calls were ahead when a skill had been run for them."""
        self.served: list[tuple[str, bool]] = []
        """The skills that were run, and whether each was of help."""

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """Begin the script."""
        self._skills = [tool for tool in tools if tool.is_skill]
        self._tools = [tool.name for tool in tools if not tool.is_skill]
        self._script.start(instruction, observation)

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """Run the skill that makes most of the next calls, or make the next one."""
        if self._made is not None and self._wanted:
            self._take_in(self._made.tool, result)
        elif self._made is not None:
            self._learn(self._made, result, error)
        by_hand = 0, self._script.next()
        self._wanted, self._made = max(self._offers(), key=lambda offer: offer[0], default=by_hand)
        return self._made

    def _learn(self, made: Decision, result: Any, error: str | None) -> None:
        self._script.learn(made, result, error)
        if self._ahead:
            self._ahead.popleft()

    def _take_in(self, skill: str, told: Mapping[str, Any]) -> None:
        """Go on in the script as far as the skill made its calls."""
        shown = {(step["tool"], repr(step["arguments"])): step for step in told["steps"] if not step["error"]}
        taken = 0
        while step := shown.get((self._script.next().tool, repr(dict(self._script.next().arguments)))):
            self._learn(self._script.next(), step["result"], None)
            taken += 1
        self._tried = len(self._ahead)
        self.served.append((skill, bool(told["finished"]) and taken >= self._wanted))

    def _offers(self) -> Iterator[tuple[int, Decision]]:
        """The skills that make several of the next calls, with how many; none twice for the same calls."""
        if self._tried == len(self._ahead):
            return
        block = []
        for call in self._ahead:
            if call.tool == TURN:
                break
            block.append(call)
        for skill in self._skills:
            plays = [name for name in self._tools if name in skill.description.replace(",", " ").split()]
            own = [call for call in block if call.tool in plays]
            arguments = _arguments(skill, own)
            if len(own) > 1 and own[0] is block[0] and own[0].arguments.keys() <= arguments.keys():
                yield len(own), Decision(skill.name, arguments)


def _arguments(skill: Tool, calls: Sequence[Decision]) -> dict[str, Any]:
    """What a skill is given: what the first call with an argument of that name would be."""
    known = {name: value for call in reversed(calls) for name, value in call.arguments.items()}
    return {name: known[name] for name in skill.schema["properties"] if name in known}


def _by_hand(task: Task, make: MakeScript) -> list[Decision]:
    """The calls that a script makes of a task."""
    episode = Episode(RETAIL(), task)
    with closing(episode.env):
        steps = Playing(episode, ScriptedAgent(lambda: make(task))).play()
    return [Decision(step.tool, step.arguments) for step in steps]


# What comes of it -------------------------------------------------------------------------------------


def jobs(quick: bool) -> list[Callable[[], Figures]]:
    """One for each teacher."""
    return [partial(measured, name, sessions=500, test_tasks=200 if quick else 400) for name in TEACHERS]


def measured(teacher: str, *, sessions: int, test_tasks: int) -> Figures:
    """All figures of a teacher."""
    make, tasks = TEACHERS[teacher], RETAIL.tasks().split("test").take(test_tasks)
    with tempfile.TemporaryDirectory() as folder, closing(Store.open(Path(folder) / "p.db")) as store:
        taught = _log(store, make, sessions)
        learnt = [f"{each.skill}: {each.what}: {each.why}" for each in learn(store).learnt]
        by_hand = roll_out_all(Stage(env=RETAIL), tasks, partial(_player, make), name=teacher)
        stage = Stage(env=RETAIL, skills=SkillShelf.of(store), purpose="evaluation")
        agents = [SkilledOracle(task, make) for task in tasks]
        coming = iter(agents)
        skilled = roll_out_all(stage, tasks, lambda _: next(coming), name=f"{teacher} with skills")
        served = [use for agent in agents for use in agent.served]
        skills = list(_skills(store, served))
    lessons = {"sessions": sessions, "right": sum(each.success for each in taught), "learnt": learnt}
    return {"teacher": teacher, **lessons, "skills": skills, **_compared(by_hand, skilled, served)}


def _log(store: Store, make: MakeScript, sessions: int) -> list[Rollout]:
    tasks, ids = RETAIL.tasks().split("train").take(sessions), np.random.default_rng(0)
    stage = Stage(env=RETAIL, place="retail-v1", log=Log(store), new_id=lambda: ids.bytes(16).hex())
    return roll_out_all(stage, tasks, partial(_player, make, noise=SLIPS), name="teacher")


def _player(make: MakeScript, task: Task, noise: float = 0.0) -> ScriptedAgent:
    return ScriptedAgent(lambda: make(task), seed=task.seed, noise=noise)


def _skills(store: Store, served: Sequence[tuple[str, bool]]) -> Iterator[Figures]:
    uses, helped = Counter(name for name, _ in served), Counter(name for name, helped in served if helped)
    for entry in Library(store).entries("local"):
        name = entry.skill.name
        yield {
            "skill": name,
            "program": as_text(entry.skill).splitlines()[1:],
            "held_out": f"{entry.hits} of {entry.hits + entry.misses}",
            "uses": uses[name],
            "of_help": helped[name],
        }


def _compared(
    by_hand: Sequence[Rollout], skilled: Sequence[Rollout], served: Sequence[tuple[str, bool]]
) -> Figures:
    """The same tasks with skills and by hand."""
    wrong = sum(use.finish.finished and not each.success for each in skilled for use in each.uses)
    saved = [float(one.decisions - other.decisions) for one, other in zip(by_hand, skilled, strict=True)]
    using = [each for each in skilled if each.uses]
    return {
        "test_tasks": len(skilled),
        "success": _share(each.success for each in skilled),
        "success_by_hand": _share(each.success for each in by_hand),
        "done_but_wrong": wrong,
        "decisions": _mean(each.decisions for each in skilled),
        "decisions_by_hand": _mean(each.decisions for each in by_hand),
        "turns": _mean(sum(step.tool == TURN for step in each.steps) for each in by_hand),
        "saved": estimate.as_json() if (estimate := mean(saved)) else None,
        "tasks_with_skills": len(using),
        "uses": len(served),
        "precision": _share(helped for _, helped in served),
    }


def _share(flags: Iterable[bool]) -> float:
    found = list(flags)
    return round(sum(found) / max(1, len(found)), 3)


def _mean(numbers: Iterable[float]) -> float:
    found = list(numbers)
    return round(sum(found) / max(1, len(found)), 3)


def figures(results: Sequence[Figures]) -> Figures:
    """Those that are named, of the oracle, and all that stands behind them."""
    found = {each["teacher"]: each for each in results}
    oracle = found["oracle"]
    named = ("success", "success_by_hand", "done_but_wrong", "decisions", "decisions_by_hand", "precision")
    return {f"retail_{name}": oracle[name] for name in named} | {
        "retail_published": len(oracle["skills"]),
        "retail": found,
    }
