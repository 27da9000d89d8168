"""Evaluation: how agents do on the same tasks, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import comb
from typing import Any

from practicum.envs import Task, find
from practicum.training.agents.players import AgentFor, Cast, Casting, Player
from practicum.training.bootstrap import Estimate, mean, ratio
from practicum.training.llm import ModelShelf
from practicum.training.rollouts import (
    EnvClass,
    Progress,
    Rollout,
    RolloutWorkers,
    Stage,
    roll_out,
    roll_out_all,
)
from practicum.training.trials import COUNTS, FIGURES, GoldFor, Trial, gold_of, own_gold, trial_of

TASKS = 50
"""Tasks that are played where nobody says how many."""
MOST_PASSES = 10
_PASS = "pass^"  # noqa: S105  # the name of a figure


@dataclass(frozen=True)
class AgentReport:
    """How one agent did."""

    agent: str
    trials: tuple[Trial, ...]
    rollouts: tuple[Rollout, ...] = field(default=(), repr=False)
    """What the trials were measured of; empty where they were read from a file or the log."""

    @cached_property
    def figures(self) -> Mapping[str, Estimate | None]:
        """The means of `FIGURES`, `pass^k` and the ratios of `COUNTS`; None where nothing was measured.

        The intervals draw tasks, not trials, because trials of one task are alike.
        """
        means = {name: self._mean(name) for name in FIGURES}
        passes = {name: mean(list(self.by_task(name).values())) for name in self.passes}
        return {**means, **passes, **{name: self._ratio(name) for name in COUNTS}}

    @property
    def stops(self) -> dict[str, int]:
        """How often skills stopped, by reason, the most frequent first."""
        counted = Counter(reason for trial in self._ordered for reason in trial.stops)
        return dict(counted.most_common())

    @property
    def passes(self) -> list[str]:
        """`pass^2` and so on, up to the most trials of a task, or `MOST_PASSES`."""
        counted = Counter(trial.task for trial in self.trials)
        most = min(MOST_PASSES, max(counted.values(), default=0))
        return [f"{_PASS}{k}" for k in range(2, most + 1)]

    def by_task(self, figure: str) -> dict[str, float]:
        """A figure of each task that has it: the mean of its trials, or `pass^k`; by the tasks' hashes."""
        if figure.startswith(_PASS):
            return self._passed(int(figure.removeprefix(_PASS)))
        return {task: sum(values) / len(values) for task, values in self._values(figure).items()}

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object, without the rollouts."""
        shown = {name: found and found.as_json() for name, found in self.figures.items()}
        sessions = [trial.session for trial in self.trials if trial.session is not None]
        return {
            "figures": shown,
            "stops": self.stops,
            "sessions": sessions,
            "trials": [trial.as_json() for trial in self.trials],
        }

    @cached_property
    def _ordered(self) -> list[Trial]:
        """The trials in an order that does not depend on that in which they were played."""
        return sorted(self.trials, key=lambda trial: trial.task)

    def _values(self, figure: str) -> dict[str, list[float]]:
        """The numbers of each task, in the order of the tasks' hashes."""
        found: dict[str, list[float]] = {}
        for trial in self._ordered:
            value = trial.figures.get(figure)
            if value is not None:
                found.setdefault(trial.task, []).append(value)
        return found

    def _mean(self, figure: str) -> Estimate | None:
        values = self._values(figure).values()
        return ratio([sum(each) for each in values], [len(each) for each in values])

    def _ratio(self, name: str) -> Estimate | None:
        """The ratio of the sums, drawn by task."""
        sums: dict[str, tuple[float, float]] = {}
        for trial in self._ordered:
            part, whole = trial.counts.get(name, (0.0, 0.0))
            before = sums.get(trial.task, (0.0, 0.0))
            sums[trial.task] = (before[0] + part, before[1] + whole)
        return ratio([part for part, _ in sums.values()], [whole for _, whole in sums.values()])

    def _passed(self, k: int) -> dict[str, float]:
        """How probable it is that k trials of a task all succeed, without bias (Yao et al. 2024, τ-bench)."""
        tries = {task: (round(sum(values)), len(values)) for task, values in self._values("success").items()}
        return {task: comb(hits, k) / comb(n, k) for task, (hits, n) in tries.items() if n >= k}


@dataclass(frozen=True)
class Report:
    """How agents did in an environment."""

    env_id: str
    agents: Mapping[str, AgentReport]

    @property
    def tasks(self) -> list[str]:
        """Content hashes of all that was played, in the order in which it was."""
        return list(dict.fromkeys(trial.task for agent in self.agents.values() for trial in agent.trials))

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        agents = {name: agent.as_json() for name, agent in self.agents.items()}
        return {"env": self.env_id, "tasks": self.tasks, "agents": agents}


def measured(agent: str, rollouts: Iterable[Rollout], gold_for: GoldFor | None = None) -> AgentReport:
    """What some rollouts of one agent say about it.

    Args:
        agent: its name.
        rollouts: several of one task are its trials.
        gold_for: the gold calls of a task; by default those that it has itself.
    """
    played = tuple(rollouts)
    return AgentReport(agent, tuple(trial_of(rollout, gold_for) for rollout in played), played)


def evaluate(
    stage: Stage,
    agents: Sequence[str] | Mapping[str, Player],
    tasks: Sequence[Task],
    *,
    trials: int = 1,
    seed: int = 0,
    noise: float = 0.0,
    models: ModelShelf | None = None,
    gold: Player | None = None,
    progress: Progress = lambda done, total: None,
    workers: RolloutWorkers | None = None,
) -> Report:
    """Let agents play the same tasks, and measure them.

    Args:
        stage: where; its skills are offered only to agents that use them.
        agents: names, as `agent_kind` takes them, or players by the names that the report calls them.
        tasks: what each of them plays, in this order.
        trials: how often each plays each; the draws of named agents differ between trials.
        seed: of the named agents' own draws; the same for each, so that slips are not what tells them apart.
        noise: probability that a call of theirs is a slip.
        models: where chat models are opened.
        gold: whose calls are the gold calls of tasks that have none; it plays them once, unlogged, and those
            that it does not solve stay without.
        progress: told how many of all rollouts are done.
        workers: where episodes are played; here where None.

    Raises:
        UsageError: an agent is not known, does not play this environment, or is a model that is unavailable.
    """
    casting = Casting(stage.env.env_id(), seed, noise, models)
    players = agents if isinstance(agents, Mapping) else {name: name for name in agents}
    casts = [casting.cast(name, player, trials) for name, player in players.items()]
    teacher = None if gold is None else casting.cast("gold", gold).by_trial[0]
    return perform(stage, casts, tasks, teacher=teacher, progress=progress, workers=workers)


def perform(
    stage: Stage,
    casts: Sequence[Cast],
    tasks: Sequence[Task],
    *,
    teacher: AgentFor | None = None,
    progress: Progress = lambda done, total: None,
    workers: RolloutWorkers | None = None,
) -> Report:
    """As `evaluate`, with players that are made already."""
    gold_for = None if teacher is None else played_gold(stage, teacher, tasks)
    told = _Told(progress, sum(len(cast.by_trial) for cast in casts) * len(tasks))
    reports = {}
    for cast in casts:
        own = stage if cast.uses_skills else replace(stage, skills=None)
        played: list[Rollout] = []
        for agent_for in cast.by_trial:
            tell = told.next_part()
            played += roll_out_all(own, tasks, agent_for, name=cast.name, progress=tell, workers=workers)
        reports[cast.name] = measured(cast.name, played, gold_for)
    return Report(stage.env.env_id(), reports)


def evaluate_agent(
    env: EnvClass | str,
    agent: Player,
    tasks: Sequence[Task] | int = TASKS,
    *,
    name: str = "",
    **options: Any,
) -> AgentReport:
    """Let one agent play tasks, unlogged, and measure it.

    Args:
        env: the environment, or its name.
        agent: who plays.
        tasks: what is played, or how many of the test split.
        name: what the report calls the agent; its own name by default.
        **options: as `evaluate` takes them.

    Raises:
        UsageError: as `evaluate`; or there is no such environment.
    """
    called = name or (agent if isinstance(agent, str) else "agent")
    stage, played = staged(env, tasks)
    return evaluate(stage, {called: agent}, played, **options).agents[called]


def staged(env: EnvClass | str, tasks: Sequence[Task] | int) -> tuple[Stage, Sequence[Task]]:
    """A stage that logs nothing, and the tasks that are played on it.

    Raises:
        UsageError: there is no such environment.
    """
    env_class = find(env) if isinstance(env, str) else env
    played = env_class.tasks().split("test").take(tasks) if isinstance(tasks, int) else tasks
    return Stage(env=env_class, purpose="evaluation"), played


def played_gold(stage: Stage, teacher: AgentFor, tasks: Sequence[Task]) -> GoldFor:
    """The gold calls of tasks: their own, or where they have none those of a teacher who solves them."""
    quiet = replace(stage, log=None, skills=None)
    found = {
        task.hash: own_gold(task) or gold_of(roll_out(quiet, task, teacher(task), "gold")) for task in tasks
    }
    return lambda task: found.get(task.hash)


class _Told:
    """Progress over rollouts that are played in parts."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._before = progress, total, 0

    def next_part(self) -> Progress:
        """Progress of the next part, which goes on where those before have ended."""
        before = self._before

        def tell(done: int, total: int) -> None:
            self._before = before + done
            self._progress(self._before, self._total)

        return tell
