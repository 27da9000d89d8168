"""Testing: let an agent serve the customers of task records, and score what it does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from practicum.envs import Task
from practicum.envs.errors import UsageError, in_one_line
from practicum.envs.retail.customers import SCRIPTED
from practicum.envs.retail.env import RetailEnv
from practicum.training.agents import Agent, Decision, agent_kind
from practicum.training.agents.agent import Learner, Tool
from practicum.training.agents.players import agents_for
from practicum.training.llm import ChatModel, ModelFailed, ModelShelf
from practicum.training.rollouts import Progress, Rollout, Stage, roll_out
from practicum.training.tasks.played_task import PlayedTask, played_task
from practicum.training.tasks.records import TaskRecord, as_record
from practicum.training.tasks.translation import task_from

logger = logging.getLogger(__name__)

AgentFor = Callable[[Task], Agent]
ENHANCE = (
    "Rewrite what a customer of a shop knows and wants, so that it reads like a real person's own words. "
    "Keep every fact and every number, id, name and address exactly; add nothing. It stays addressed as "
    "'you'. Answer with the new text and nothing else."
)


class TimedAgent:
    """An agent, and how long it takes to decide.

    Args:
        agent: that plays.
    """

    def __init__(self, agent: Agent) -> None:
        self.seconds = 0.0
        self._agent = agent

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """As the agent's own."""
        self._agent.begin(instruction, observation, tools)

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """As the agent's own, timed."""
        began = time.perf_counter()
        try:
            return self._agent.decide(result, error)
        finally:
            self.seconds += time.perf_counter() - began

    def end(self, result: Any, error: str | None, outcome: Mapping[str, Any] | None) -> None:
        """As the agent's own, where it wants to know."""
        if isinstance(self._agent, Learner):
            self._agent.end(result, error, outcome)


@dataclass(frozen=True, kw_only=True)
class Visits:
    """How the customers of a test are served."""

    data: str = ""
    """Folder of the world; empty for the shipped one."""
    customer: str = SCRIPTED
    """Kind of customer."""
    seed: int = 0
    """Of the agents' own draws."""
    noise: float = 0.0
    """Probability that a call of a scripted agent is a slip."""
    models: ModelShelf | None = None
    """Where chat models are opened."""
    rewriter: ChatModel | None = None
    """Puts what each customer wants into its own words, for a customer that is a model."""

    def agents(self, name: str, threads: int) -> AgentFor:
        """What makes the agent of that name for a task.

        Raises:
            UsageError: it is not known, cannot be opened, or learns and is to play several tasks at a time.
        """
        if threads > 1 and agent_kind(name, self.models).learns:
            raise UsageError(f"{name} learns from one task for the next; it plays with --threads 1")
        env_id = RetailEnv.env_id()
        return agents_for(name, env_id, seed=self.seed, noise=self.noise, models=self.models)


@dataclass
class Sitting:
    """One test as it goes on: who plays, and what is done already."""

    records: Sequence[TaskRecord]
    tasks: Sequence[Task]
    agent_for: AgentFor
    name: str
    rewriter: ChatModel | None
    progress: Progress
    told: Callable[[PlayedTask], object]
    done: dict[int, PlayedTask]
    """By place."""
    lock: Lock = field(default_factory=Lock)

    def play(self, place: int) -> None:
        """Play the task of a place and tell of it."""
        tested = self._tested(place)
        _log(tested)
        with self.lock:
            self.done[place] = tested
            self.told(tested)
            self.progress(len(self.done), len(self.tasks))

    def _tested(self, place: int) -> PlayedTask:
        record, task = self.records[place], self.tasks[place]
        try:
            if self.rewriter is not None:
                record = enhanced(record, self.rewriter)
                task = replace(task, secret={**task.secret, "instruction": record.q})
        except ModelFailed as error:
            failed = Rollout(self.name, task, (), 0, failure=in_one_line(error))
            return played_task(record, failed, place=place, model_seconds=0.0)
        timed = TimedAgent(self.agent_for(task))
        rollout = roll_out(Stage(env=RetailEnv), task, timed, self.name)
        return played_task(record, rollout, place=place, model_seconds=timed.seconds)


def run(
    tasks: Sequence[TaskRecord | Mapping[str, Any]],
    agent: str | AgentFor = "oracle",
    *,
    threads: int = 1,
    finished: Iterable[PlayedTask] = (),
    progress: Progress = lambda done, total: None,
    told: Callable[[PlayedTask], object] = lambda tested: None,
    **visits: Any,
) -> list[PlayedTask]:
    """Let an agent play tasks; what comes of them stands in their order.

    A task in which the world, the agent or a model fails costs its own row. Everything but the times is the
    same for any number of threads, where agent and customer go by rules.

    Args:
        tasks: records of the retail world, or the JSON objects of such.
        agent: its name, as `practicum rollout` takes it, or what makes one for a task.
        threads: tasks that are played at the same time.
        finished: tasks that were played before, which are not played again.
        progress: told how many are done.
        told: given each task when it is done.
        visits: as in `Visits`, such as `noise=0.2`.

    Raises:
        UsageError: as `Visits.agents`, or a task is no record or about what the world lacks.
        ModelUnavailable: a model cannot be asked.
    """
    records, how = [as_record(task) for task in tasks], Visits(**visits)
    sat = _tasks(records, how.data, how.customer)
    name, agent_for = (agent, how.agents(agent, threads)) if isinstance(agent, str) else ("agent", agent)
    done = {tested.place: tested for tested in finished}
    sitting = Sitting(records, sat, agent_for, name, how.rewriter, progress, told, done)
    _play_all(sitting, [place for place in range(len(records)) if place not in done], threads)
    return [done[place] for place in range(len(records))]


def enhanced(record: TaskRecord, model: ChatModel) -> TaskRecord:
    """The record with what the customer wants in a model's words.

    Raises:
        ModelFailed: the model says nothing.
        ModelUnavailable: it cannot be asked.
    """
    messages = [{"role": "system", "content": ENHANCE}, {"role": "user", "content": record.q}]
    words = model.complete(messages).text.strip()
    return replace(record, q=words or record.q)


def _play_all(sitting: Sitting, places: Sequence[int], threads: int) -> None:
    if threads == 1:
        for place in places:
            sitting.play(place)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(sitting.play, place) for place in places]
        try:
            for each in waiting:
                each.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _tasks(records: Sequence[TaskRecord], data: str, customer: str) -> list[Task]:
    """The tasks of the records, each with an id of its own."""
    tasks: dict[str, Task] = {}
    for place, record in enumerate(records):
        task = task_from(record, place=place, data=data, customer=customer)
        own = task.id if task.id not in tasks else f"{task.id}-at-{place}"
        tasks[own] = replace(task, id=own)
    return list(tasks.values())


def _log(tested: PlayedTask) -> None:
    for call in tested.called:
        logger.debug("%s: %s %s %s", tested.task_id, call["name"], call["arguments"], call["error"] or "")
    logger.info("%s", tested.line)
