"""Adversaries: tasks that are built to break a skill, by its own predicates and by what its world can do."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from practicum.envs.core import ToolEnv
from practicum.envs.errors import UsageError
from practicum.envs.tasks import Task
from practicum.skills.known import Known
from practicum.skills.language import Skill
from practicum.skills.predicates import holds
from practicum.skills.sides import predicates

EnvClass = type[ToolEnv[Any]]
MOST_VALUES = 8
"""Values of one parameter that are tried against one predicate."""
MOST_SEEDS = 60
"""Seeds that are looked at for one task of an attack in the verify split, which takes a tenth of them."""


BREAKDOWNS = (UsageError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
"""What a world raises that was not made for some settings; no word about the skill."""


@dataclass(frozen=True)
class Attack:
    """Settings under which tasks are hard for a skill."""

    name: str
    """What it attacks: `infeasible`, `p_sold_out`, `disturbed`, or a predicate by its place."""
    settings: Mapping[str, Any]
    broken: Mapping[str, Any] | None = None
    """A precondition that is not to hold, as far as the task's parameters tell."""

    def tasks(self, env_class: EnvClass, first_seed: int, count: int) -> Iterator[Task]:
        """Up to so many tasks of the verify split; none where the world does not know such settings."""
        for seed in range(first_seed, first_seed + MOST_SEEDS * count):
            task = made(env_class, seed, self.settings)
            if task is None or count == 0:
                return
            if task.split == "verify" and not self._holds(task):
                count -= 1
                yield task

    def _holds(self, task: Task) -> bool:
        return self.broken is not None and holds(self.broken, Known(task.params)) is True


def made(env_class: EnvClass, seed: int, settings: Mapping[str, Any]) -> Task | None:
    """The task of a seed; None where the world refuses the settings."""
    try:
        return env_class.make_task(seed, **settings)
    except BREAKDOWNS:
        return None


def attacks(
    skill: Skill, env_class: EnvClass, settings: Mapping[str, Any], drawn: Sequence[Task]
) -> list[Attack]:
    """Every attack on a skill that its world has settings for, each once.

    Args:
        skill: the program.
        env_class: its world.
        settings: those that the other tasks were made with; an attack's own win.
        drawn: tasks as the world draws them, whose parameters are tried in each other's place.
    """
    known = named_settings(env_class)
    found = [*_infeasible(known), *_disturbances(known)]
    for place, pred in predicates(skill):
        for name in [name for name in dict.fromkeys(_parameters(pred)) if name in known]:
            values = _breaking_values(name, drawn)
            broken = pred if place.startswith("pre/") else None
            found += [Attack(place, {name: value}, broken) for value in values]
    each = {repr((attack.name, attack.settings)): attack for attack in found}.values()
    return [replace(attack, settings={**settings, **attack.settings}) for attack in each]


def named_settings(env_class: EnvClass) -> tuple[str, ...]:
    """The settings that a world names, as far as they are not its own business."""
    methods = (env_class.begin, env_class.make_task)
    named = (p for method in methods for p in inspect.signature(method).parameters.values())
    open_ended = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    names = (p.name for p in named if p.kind not in open_ended)
    return tuple(dict.fromkeys(name for name in names if name not in ("self", "seed")))


def _infeasible(known: Iterable[str]) -> list[Attack]:
    return [Attack("infeasible", {"feasible": False})] if "feasible" in known else []


def _disturbances(known: Iterable[str]) -> list[Attack]:
    """Each probability of a disturbance at its highest by itself, then all at once, certain and likely."""
    names = [name for name in known if name.startswith("p_")]
    alone = [Attack(name, {name: 1.0}) for name in names]
    together = [Attack("disturbed", dict.fromkeys(names, odds)) for odds in (0.5, 1.0)]
    return alone + (together if len(names) > 1 else [])


def _parameters(expr: Any) -> Iterator[str]:
    """The task parameters that an expression or predicate mentions."""
    if isinstance(expr, Mapping):
        if isinstance(expr.get("param"), str):
            yield expr["param"]
        for part in expr.values():
            yield from _parameters(part)
    elif isinstance(expr, list | tuple):
        for part in expr:
            yield from _parameters(part)


def _breaking_values(name: str, drawn: Sequence[Task]) -> list[Any]:
    """What to put in a parameter's place: far below and above what is drawn, and what other tasks have."""
    seen = _each_once(task.params[name] for task in drawn if name in task.params)
    numbers = sorted(value for value in seen if type(value) in (int, float))
    beyond: list[Any] = [type(numbers[0])(0), numbers[0] // 2, numbers[-1] * 2 + 1] if numbers else []
    if any(isinstance(value, bool) for value in seen):
        beyond = [True, False]
    return _each_once([*beyond, *seen])[:MOST_VALUES]


def _each_once(values: Iterable[Any]) -> list[Any]:
    return list({repr(value): value for value in values}.values())
