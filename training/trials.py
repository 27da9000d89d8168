"""Trial: one play of a task as evaluation knows it, a number for each thing that is measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from practicum.envs import Task
from practicum.skills.relevance import REFUSED_BY_SCHEMA
from practicum.training.rollouts import Rollout
from practicum.training.tasks.records import Call
from practicum.training.tasks.scores import Score, score

Measure = Callable[[Rollout], float | None]
"""A number for a rollout; None where it means nothing."""
_MICROSECONDS = 1e6


@dataclass(frozen=True)
class Gold:
    """What a task is to be played like."""

    calls: tuple[Call, ...]
    """In order."""
    outputs: tuple[str, ...] = ()
    """What is to be said."""


GoldFor = Callable[[Task], Gold | None]
"""The gold calls of a task; None where it has none."""


@dataclass(frozen=True)
class Trial:
    """One play of a task."""

    task: str
    """Content hash."""
    figures: Mapping[str, float | None]
    """By the names of `MEASURES` and `GOLD_MEASURES`; None where there is nothing to measure."""
    counts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By the names of `COUNTS`: a part and the whole."""
    stops: tuple[str, ...] = ()
    """Why skills stopped in it."""
    session: str | None = None
    """Its id in the log."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        counts = {name: list(pair) for name, pair in self.counts.items()}
        return {
            "task": self.task,
            "figures": dict(self.figures),
            "counts": counts,
            "stops": list(self.stops),
            "session": self.session,
        }


def _regret(rollout: Rollout) -> float | None:
    found = rollout.outcome.get("regret")
    return None if found is None else float(found)


def _decisions(rollout: Rollout) -> float | None:
    is_control = rollout.suggestion is not None and rollout.suggestion.control
    return None if is_control else float(rollout.decisions)


def _valid_calls(rollout: Rollout) -> float | None:
    own = [step for step in rollout.steps if step.via_skill is None]
    valid = sum(not (step.error or "").startswith(REFUSED_BY_SCHEMA) for step in own)
    tried = rollout.decisions + rollout.unreadable
    return (valid + len(rollout.uses)) / tried if tried else None


def _tool_seconds(rollout: Rollout) -> float:
    return sum(step.latency_us for step in rollout.steps) / _MICROSECONDS


MEASURES: Mapping[str, Measure] = {
    "success": lambda rollout: float(rollout.success),
    "violations": lambda rollout: float(bool(rollout.outcome.get("violations"))),
    "steps": lambda rollout: float(len(rollout.steps)),
    "decisions": _decisions,
    "decisions_all": lambda rollout: float(rollout.decisions),
    "valid_calls": _valid_calls,
    "tokens": lambda rollout: float(rollout.tokens),
    "return": lambda rollout: rollout.total_reward,
    "regret": _regret,
    "failures": lambda rollout: float(rollout.failure is not None),
    "seconds": lambda rollout: rollout.seconds,
    "tool_seconds": _tool_seconds,
}
"""What is measured of every rollout: `violations` and `failures` are the shares that have any, `decisions`
leaves the control group out, `valid_calls` is the share of what an agent meant as calls that name a tool and
fit its arguments, `regret` is in the world's money, only where there is a best end to compare."""
GOLD_MEASURES: Mapping[str, Callable[[Score], float | None]] = {
    "action_accuracy": lambda found: found.accuracy,
    "action_precision": lambda found: found.precision,
    "action_recall": lambda found: found.recall,
    "action_f1": lambda found: found.f1,
    "exact_action_match": lambda found: float(found.exact),
    "argument_match": lambda found: found.argument_match,
    "output_match": lambda found: found.output_match,
}
"""What is measured of a rollout whose task has gold calls."""
COUNTS: Mapping[str, tuple[Callable[[Rollout], int], Callable[[Rollout], int]]] = {
    "explore_exploit": (
        lambda rollout: len(rollout.uses),
        lambda rollout: rollout.decisions - len(rollout.uses),
    ),
    "stop_rate": (
        lambda rollout: sum(not use.finish.finished for use in rollout.uses),
        lambda rollout: len(rollout.uses),
    ),
    "done_but_wrong": (
        lambda rollout: sum(use.is_wrong for use in rollout.uses),
        lambda rollout: len(rollout.uses),
    ),
}
"""Sums over sums: runs of skills to calls by hand, stops to runs, runs that finished wrong to runs."""
FIGURES = (*MEASURES, *GOLD_MEASURES)
"""The names of all that a trial has a number for."""
SHARES = frozenset(
    {"success", "violations", "failures", "valid_calls", "stop_rate", "done_but_wrong", *GOLD_MEASURES}
)
"""Figures from 0 to 1."""
LESS_IS_BETTER = frozenset(
    {"violations", "steps", "decisions", "decisions_all", "tokens", "regret", "failures", "seconds"}
    | {"tool_seconds", "stop_rate", "done_but_wrong"}
)
"""Figures of which a smaller one is the better."""


def trial_of(rollout: Rollout, gold_for: GoldFor | None = None) -> Trial:
    """What is measured of a rollout.

    Args:
        rollout: that was played.
        gold_for: the gold calls of its task; by default those that the task itself has.
    """
    figures = {name: _finite(measure(rollout)) for name, measure in MEASURES.items()}
    gold = (gold_for or own_gold)(rollout.task)
    found = None if gold is None else score(rollout.steps, gold.calls, gold.outputs)
    for name, part in GOLD_MEASURES.items():
        figures[name] = None if found is None else part(found)
    counts = {name: (float(part(rollout)), float(whole(rollout))) for name, (part, whole) in COUNTS.items()}
    stops = tuple(use.finish.stop.reason for use in rollout.uses if use.finish.stop)
    return Trial(rollout.task.hash, figures, counts, stops, rollout.session)


def own_gold(task: Task) -> Gold | None:
    """The gold calls that a task has in its secret, as those of `retail` do."""
    calls = task.secret.get("actions")
    if not isinstance(calls, Sequence) or not all(_is_call(call) for call in calls):
        return None
    return Gold(tuple(calls), tuple(task.secret.get("outputs", ())))


def gold_of(rollout: Rollout) -> Gold | None:
    """The calls of a rollout that were not refused, as gold calls for others; None where it failed."""
    if not rollout.success:
        return None
    made = [step for step in rollout.steps if not step.refused]
    return Gold(tuple({"name": step.tool, "arguments": step.arguments} for step in made))


def _is_call(found: Any) -> bool:
    return isinstance(found, Mapping) and {"name", "arguments"} <= found.keys()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
