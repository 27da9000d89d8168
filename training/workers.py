"""Workers: rollouts that other processes play, and what this one writes of them into its log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from practicum.envs import ListRecorder, Opening, Step, Task
from practicum.envs.errors import in_one_line
from practicum.envs.wrappers import RewardOfSteps
from practicum.memory import Log, LogUnavailable
from practicum.memory.batches import EPISODE_OVER, UNFIT, insert_whole
from practicum.memory.digests import write_digests
from practicum.skills.digests import digest_of
from practicum.skills.workers import Findable, Workers
from practicum.training.agents import Agent
from practicum.training.agents.chat_customer import hire
from practicum.training.llm import ModelShelf, ModelUnavailable, Usage
from practicum.training.rollouts import CRASHED, CUT_OFF, Assignment, Rollout, Stage, play


@dataclass(frozen=True)
class Told:
    """What came of an episode that was played elsewhere."""

    rollout: Rollout
    """Without its steps."""
    session: str = ""
    """The id that it was assigned."""
    opening: Opening | None = None
    """None where it did not begin."""
    steps: tuple[Step, ...] = ()
    """What is to be logged."""
    began_at: float = 0.0
    """Seconds since 1970."""
    ended_at: float = 0.0
    used: tuple[Mapping[str, Usage], ...] = ()
    """What models took, for each of the company's shelves."""
    unavailable: ModelUnavailable | None = None
    """Why a model cannot be asked at all."""


@dataclass(frozen=True)
class Company:
    """Who plays an environment elsewhere: it goes there, and tells what came of each assignment.

    Worlds and agents are found and made there by name.
    """

    world: Findable
    name: str
    """The agent's."""
    agent_for: Callable[[Task], Agent]
    max_steps: int | None = None
    reward: RewardOfSteps | None = None
    customer: ModelShelf | None = None
    """Opens the model that is the customer where a task asks for one."""

    @property
    def shelves(self) -> list[ModelShelf]:
        """Where its models are opened."""
        return [each for each in (getattr(self.agent_for, "models", None), self.customer) if each is not None]

    def __call__(self, assignment: Assignment) -> Told:
        """Play an episode."""
        stage = Stage(env=self.world.env_class, max_steps=self.max_steps, reward=self.reward)
        before = [shelf.used for shelf in self.shelves]
        recorder, began_at = ListRecorder(), time.time()
        rollout, unavailable = Rollout(self.name, assignment.task, (), 0), None
        try:
            if self.customer is not None:
                hire(self.customer.model())
            rollout = play(stage, assignment, self.agent_for(assignment.task), self.name, recorder=recorder)
        except ModelUnavailable as error:
            rollout, unavailable = replace(rollout, failure=in_one_line(error)), error
        return Told(
            replace(rollout, steps=()),
            assignment.session,
            recorder.opening,
            tuple(recorder.steps),
            began_at,
            time.time(),
            tuple(_more(shelf.used, then) for shelf, then in zip(self.shelves, before, strict=True)),
            unavailable,
        )

    def lost(self, assignment: Assignment, why: str) -> Told:
        """What stands for an episode whose process was lost every time."""
        return Told(Rollout(self.name, assignment.task, (), 0, failure=why))


def _more(now: Mapping[str, Usage], before: Mapping[str, Usage]) -> dict[str, Usage]:
    return {name: usage - before.get(name, Usage()) for name, usage in now.items()}


def roll_out_elsewhere(
    workers: Workers, stage: Stage, company: Company, assignments: Iterable[Assignment]
) -> Iterator[Rollout]:
    """The rollouts of a company, in the order of the assignments, each in the log when it comes out.

    One that the log does not take is a failure, and nothing of it is kept.

    Raises:
        LogUnavailable: the log cannot be written.
        ModelUnavailable: a chat model that plays cannot be asked.
    """
    for told in workers.map(company, assignments, lost=company.lost):
        for shelf, used in zip(company.shelves, told.used, strict=False):
            shelf.add(used)
        steps = tuple(replace(step, render=stage.env.render_text) for step in told.steps)
        rollout = replace(told.rollout, steps=tuple(step for step in steps if not step.noted))
        if stage.log is not None and told.opening is not None:
            rollout = _logged(stage, stage.log, told, rollout, told.opening)
        if told.unavailable is not None:
            raise told.unavailable
        yield rollout


def _logged(stage: Stage, log: Log, told: Told, rollout: Rollout, opening: Opening) -> Rollout:
    start = stage.start_of(told.session, rollout.agent, opening, began_at=told.began_at)
    is_over = bool(told.steps) and told.steps[-1].done
    reason = EPISODE_OVER if is_over else CRASHED if rollout.failure else CUT_OFF
    outcome = rollout.outcome or None
    try:
        with log.writing() as connection:
            insert_whole(
                connection, start, told.steps, reason=reason, outcome=outcome, ended_at=told.ended_at
            )
    except UNFIT as error:
        return replace(rollout, failure=in_one_line(error))
    if is_over:
        with suppress(LogUnavailable):
            write_digests(log.store, [(start.id, digest_of(stage.found_by)(opening, told.steps))])
    for use in rollout.uses:
        stage.keep_use(start.id, use)
    return replace(rollout, session=start.id)
