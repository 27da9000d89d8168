"""Evaluation: how agents do on the same tasks, how sure that is, and how far one is ahead of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from practicum.envs import Task
from practicum.training.agents import Agent, agent_kind
from practicum.training.bootstrap import Estimate, mean, ratio
from practicum.training.rollouts import Progress, Rollout, Stage, roll_out_all

Measure = Callable[[Rollout], float | None]
"""A number for a rollout; None where it means nothing."""


def _regret(rollout: Rollout) -> float | None:
    found = rollout.outcome.get("regret")
    return None if found is None else float(found)


def _decisions(rollout: Rollout) -> float | None:
    is_control = rollout.suggestion is not None and rollout.suggestion.control
    return None if is_control else float(rollout.decisions)


MEASURES: Mapping[str, Measure] = {
    "success": lambda rollout: float(rollout.success),
    "violations": lambda rollout: float(bool(rollout.outcome.get("violations"))),
    "steps": lambda rollout: float(len(rollout.steps)),
    "decisions": _decisions,
    "decisions_all": lambda rollout: float(rollout.decisions),
    "tokens": lambda rollout: float(rollout.tokens),
    "return": lambda rollout: rollout.total_reward,
    "regret": _regret,
    "failures": lambda rollout: float(rollout.failure is not None),
}
"""What is measured of every rollout: `violations` and `failures` are the shares that have any, `decisions`
leaves the control group out, `regret` is in the world's money, only where there is a best end to compare."""
RATIOS: Mapping[str, tuple[Measure, Measure]] = {
    "explore_exploit": (
        lambda rollout: float(len(rollout.uses)),
        lambda rollout: float(rollout.decisions - len(rollout.uses)),
    ),
    "stop_rate": (
        lambda rollout: float(sum(not use.finish.finished for use in rollout.uses)),
        lambda rollout: float(len(rollout.uses)),
    ),
    "done_but_wrong": (
        lambda rollout: float(sum(use.is_wrong for use in rollout.uses)),
        lambda rollout: float(len(rollout.uses)),
    ),
}
"""Sums over sums: runs of skills to calls by hand, stops to runs, runs that finished wrong to runs."""


@dataclass(frozen=True)
class AgentReport:
    """How one agent did."""

    agent: str
    rollouts: tuple[Rollout, ...]
    figures: Mapping[str, Estimate | None]
    """The means of `MEASURES` and the `RATIOS`; None where there is nothing to measure."""
    stops: Mapping[str, int]
    """How often skills stopped, by reason."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object, without the rollouts."""
        shown = {name: found and found.as_json() for name, found in self.figures.items()}
        return {"figures": shown, "stops": dict(self.stops), "sessions": self._sessions()}

    def _sessions(self) -> list[str]:
        return [rollout.session for rollout in self.rollouts if rollout.session is not None]


@dataclass(frozen=True)
class Report:
    """How agents did on the same tasks."""

    env_id: str
    tasks: tuple[str, ...]
    """Content hashes."""
    agents: Mapping[str, AgentReport]
    differences: Mapping[tuple[str, str], Mapping[str, Estimate | None]]
    """By pair of agents: the mean over the tasks of what the first has more than the second."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {
            "env": self.env_id,
            "tasks": list(self.tasks),
            "agents": {name: agent.as_json() for name, agent in self.agents.items()},
            "differences": [
                {"agents": list(pair), "figures": {k: v and v.as_json() for k, v in figures.items()}}
                for pair, figures in self.differences.items()
            ],
        }


def measured(agent: str, rollouts: Sequence[Rollout]) -> AgentReport:
    """What some rollouts of one agent say about it."""
    figures = {name: mean(_values(measure, rollouts)) for name, measure in MEASURES.items()}
    for name, (part, whole) in RATIOS.items():
        figures[name] = ratio(_values(part, rollouts), _values(whole, rollouts))
    stops = Counter(use.finish.stop.reason for r in rollouts for use in r.uses if use.finish.stop)
    return AgentReport(agent, tuple(rollouts), figures, dict(stops.most_common()))


def _values(measure: Measure, rollouts: Sequence[Rollout]) -> list[float]:
    return [value for value in map(measure, rollouts) if value is not None]


def difference(first: Sequence[Rollout], second: Sequence[Rollout], measure: Measure) -> Estimate | None:
    """How much more the first agent has than the second, over the tasks of which both have it."""
    other = {rollout.task.hash: measure(rollout) for rollout in second}
    pairs = [(measure(rollout), other.get(rollout.task.hash)) for rollout in first]
    return mean([mine - theirs for mine, theirs in pairs if mine is not None and theirs is not None])


def compared(reports: Mapping[str, AgentReport]) -> dict[tuple[str, str], dict[str, Estimate | None]]:
    """The paired differences of every two agents, in the order in which they are given."""
    names = list(reports)
    return {
        (one, two): {
            name: difference(reports[one].rollouts, reports[two].rollouts, measure)
            for name, measure in MEASURES.items()
        }
        for place, one in enumerate(names)
        for two in names[place + 1 :]
    }


def evaluate(
    stage: Stage,
    agents: Sequence[str],
    tasks: Sequence[Task],
    *,
    seed: int = 0,
    noise: float = 0.0,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Let agents play the same tasks, and measure them.

    Args:
        stage: where; its skills are offered only to agents that use them.
        agents: names, as `AGENTS` has them.
        tasks: what each of them plays, in this order.
        seed: of the agents' own draws; the same for each, so that slips are not what tells them apart.
        noise: probability that a call of theirs is a slip.
        progress: told how many of all rollouts are done.

    Raises:
        UsageError: an agent is not known, or does not play this environment.
    """
    makers = {name: agents_for(name, stage.env.env_id(), seed=seed, noise=noise) for name in agents}
    reports = {}
    for place, (name, agent_for) in enumerate(makers.items()):
        done_before = place * len(tasks)

        def tell(done: int, total: int, before: int = done_before) -> None:
            progress(before + done, total * len(makers))

        own = stage if agent_kind(name).uses_skills else replace(stage, skills=None)
        reports[name] = measured(name, roll_out_all(own, tasks, agent_for, name=name, progress=tell))
    hashes = tuple(task.hash for task in tasks)
    return Report(stage.env.env_id(), hashes, reports, compared(reports))


def agents_for(name: str, env_name: str, *, seed: int, noise: float) -> Callable[[Task], Agent]:
    """Who plays a task: an agent of its own for each, or where it learns the same for all.

    Raises:
        UsageError: the agent is not known, or does not play this environment.
    """
    kind = agent_kind(name)
    first = kind.make(env_name, seed, noise)
    if kind.learns:
        return lambda task: first
    return lambda task: kind.make(env_name, _mixed(seed, task.seed), noise)


def _mixed(seed: int, task_seed: int) -> int:
    return int(np.random.SeedSequence((seed, task_seed)).generate_state(1)[0])
