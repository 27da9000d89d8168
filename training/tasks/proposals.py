"""Proposals: what a task is made from, and the proposer that draws it from the world's own state machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from practicum.envs.errors import UsageError
from practicum.envs.retail.scenarios import SCENARIOS, Request, Scenario, draw_request
from practicum.envs.retail.world import World
from practicum.training.tasks.records import Call, TaskRecord, key_of

_STREAM = 0x7A5C
"""Keeps the draws of proposals apart from those of worlds and of tasks by seed."""
_DRAWS = 100
"""Wishes that are drawn before a world is said to hold no new one."""


@dataclass(frozen=True)
class Assignment:
    """What a proposer is asked for."""

    number: int
    """Place of the task in its run, from 0."""
    scenario: Scenario
    seed: int = 0
    """Of the run."""
    attempt: int = 0
    """How many proposals for this task were turned down before."""
    feedback: tuple[str, ...] = ()
    """Why the last of them was turned down."""
    turned_down: TaskRecord | None = None
    """The last of them, where there was one."""
    taken: Collection[str] = ()
    """`ends_of` the gold calls of the tasks that there are."""

    def random(self) -> np.random.Generator:
        """The draws of this attempt: equal assignments draw alike."""
        return np.random.default_rng((self.seed, _STREAM, self.number, self.attempt))


class NoProposal(Exception):  # noqa: N818  # says what came of it
    """A proposer made nothing; the next attempt may.

    Args:
        kind: counted in the statistics, such as `turns`.
        reason: what happened.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind


class Proposer(Protocol):
    """Makes tasks that nobody has checked yet."""

    def propose(self, assignment: Assignment) -> TaskRecord:
        """A task for an assignment.

        Raises:
            NoProposal: none came about this time.
        """


def scenario_at(number: int, seed: int, scenarios: Sequence[Scenario] = SCENARIOS) -> Scenario:
    """The scenario of a task by its number: one of each in a row, in shuffled order, then each once again."""
    block, place = divmod(number, len(scenarios))
    order = np.random.default_rng((seed, _STREAM, block)).permutation(len(scenarios))
    return scenarios[int(order[place])]


class RuleProposer:
    """Draws what a customer wants, and with it the calls that fulfil it, from a world.

    Args:
        world: whose records.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def propose(self, assignment: Assignment) -> TaskRecord:
        """A request of the scenario, with the plan that it was drawn with."""
        request = drawn(self._world, assignment)
        return record_from(request, request.actions, assignment, method="direct", turns=1)


def drawn(world: World, assignment: Assignment) -> Request:
    """What a customer of the world wants, of the scenario of the assignment, and no task is about yet.

    Raises:
        NoProposal: the world holds nothing for it.
    """
    random = assignment.random()
    try:
        for _ in range(_DRAWS):
            request = draw_request(world, random, assignment.scenario)
            if ends_of(request.actions) not in assignment.taken:
                return request
    except UsageError as error:
        raise NoProposal("no_material", str(error)) from None
    raise NoProposal("repeat", f"{_DRAWS} draws gave only tasks that there are already")


def ends_of(calls: Sequence[Call]) -> str:
    """What equal wishes have in common: how the customer is found, and the last call."""
    return key_of((calls[0], calls[-1]))


def record_from(
    request: Request, calls: tuple[Call, ...], assignment: Assignment, *, method: str, turns: int
) -> TaskRecord:
    """The record of a request that some calls fulfil."""
    about = {"user_id": request.user_id, "customer": dict(request.customer)}
    metadata = metadata_of(assignment, method=method, turns=turns) | about
    return TaskRecord(request.instruction, calls, request.outputs, metadata=metadata)


def metadata_of(assignment: Assignment, *, method: str, turns: int) -> dict[str, Any]:
    """What a record says of how it was made."""
    return {
        "generation_method": method,
        "turns": turns,
        "scenario": assignment.scenario,
        "number": assignment.number,
        "seed": assignment.number,
    }
