"""Agentflow: a task made over turns, each planned, executed in the world, verified and kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from practicum.envs.errors import EpisodeOver, UnknownTool
from practicum.envs.retail.scenarios import Request
from practicum.envs.retail.world import World
from practicum.training.tasks.proposals import Assignment, NoProposal, drawn, record_from
from practicum.training.tasks.records import Call, TaskRecord
from practicum.training.tasks.translation import fresh_desk

METHOD = "agentflow"


@dataclass(frozen=True)
class Observed:
    """A call and what came of it."""

    call: Call
    result: Any
    error: str | None

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        came = {"result": self.result} if self.error is None else {"error": self.error}
        return {**self.call, **came}


@dataclass(frozen=True)
class Verdict:
    """What the verifier says after a turn."""

    status: Literal["continue", "complete", "failed"]
    reason: str = ""


@dataclass(frozen=True)
class Turn:
    """One round of planner, executor and verifier."""

    observed: tuple[Observed, ...]
    verdict: Verdict


@dataclass
class Memory:
    """What has come about so far, oldest first."""

    turns: list[Turn] = field(default_factory=list)

    @property
    def observed(self) -> list[Observed]:
        """Every call so far."""
        return [each for turn in self.turns for each in turn.observed]

    @property
    def made(self) -> tuple[Call, ...]:
        """The calls that the world has played."""
        return tuple(each.call for each in self.observed if each.error is None)

    def result_of(self, tool: str, **arguments: Any) -> Any:
        """What a call of a tool gave, with these arguments among its own; None where there was none."""
        found = (
            each.result
            for each in self.observed
            if each.call["name"] == tool
            and each.error is None
            and arguments.items() <= each.call["arguments"].items()
        )
        return next(found, None)


class Planner(Protocol):
    """Decides what is to be called next."""

    def plan(self, memory: Memory) -> Sequence[Call]:
        """The calls of the next turn."""


class Verifier(Protocol):
    """Looks at what has come of the calls."""

    def verify(self, memory: Memory, observed: Sequence[Observed]) -> Verdict:
        """Whether to go on, with the newest calls beside the memory."""


class Generator(Protocol):
    """Writes the task once all is done."""

    def write(self, memory: Memory) -> TaskRecord:
        """The task whose gold calls are those that were made."""


@dataclass(frozen=True)
class Parts:
    """Who makes one task."""

    planner: Planner
    verifier: Verifier
    generator: Generator


class Executor:
    """Makes planned calls in a fresh world, through the same door as an agent's.

    Args:
        data: folder of the world; empty for the shipped one.
    """

    def __init__(self, data: str = "") -> None:
        self._episode = fresh_desk(data)

    def make(self, call: Call) -> Observed:
        """What comes of a call."""
        try:
            step = self._episode.play(call["name"], call["arguments"])
        except (UnknownTool, EpisodeOver) as error:
            return Observed(call, None, str(error))
        return Observed(call, step.result, step.error)


class AgentflowProposer:
    """Lets the parts take turns until the verifier says that the task is complete.

    Args:
        parts: makes those of an assignment.
        turns: how many there may be.
        data: folder of the world.
    """

    def __init__(self, parts: Callable[[Assignment], Parts], *, turns: int = 5, data: str = "") -> None:
        self._parts = parts
        self._turns = turns
        self._data = data

    def propose(self, assignment: Assignment) -> TaskRecord:
        """A task for an assignment.

        Raises:
            NoProposal: the verifier gave it up, or it took too many turns.
        """
        parts, memory, executor = self._parts(assignment), Memory(), Executor(self._data)
        for _ in range(self._turns):
            observed = tuple(executor.make(call) for call in parts.planner.plan(memory))
            verdict = parts.verifier.verify(memory, observed)
            memory.turns.append(Turn(observed, verdict))
            if verdict.status == "failed":
                raise NoProposal("verifier", verdict.reason or "given up, for no reason that was told")
            if verdict.status == "complete":
                return parts.generator.write(memory)
        raise NoProposal(
            "turns", f"not complete after {self._turns} turns: {memory.turns[-1].verdict.reason}"
        )


class RuleParts:
    """Planner, verifier and generator without a model: from a wish to what must be known to fulfil it.

    Args:
        request: what the customer wants; of its plan only how the customer is found and the last call, which
            is the goal, are looked at.
        assignment: for which it was drawn.
    """

    def __init__(self, request: Request, assignment: Assignment) -> None:
        self._request = request
        self._assignment = assignment
        self._who = request.actions[0]
        self.goal: Call = request.actions[-1]
        """What the customer wants done or shown."""

    @classmethod
    def maker(cls, world: World) -> Callable[[Assignment], Parts]:
        """What makes the parts of each assignment, from wishes that are drawn from a world."""

        def make(assignment: Assignment) -> Parts:
            own = cls(drawn(world, assignment), assignment)
            return Parts(own, own, own)

        return make

    def plan(self, memory: Memory) -> Sequence[Call]:
        """What is not known yet and can be looked up now; the goal, where nothing is."""
        if memory.result_of(self._who["name"]) is None:
            return [self._who]
        return [*self._lookups(memory)] or [*self._products(memory)] or [self.goal]

    def _lookups(self, memory: Memory) -> Iterator[Call]:
        """The order, the user and the list of products, as far as the goal speaks of them."""
        wanted = self.goal["arguments"]
        order_id, user_id = wanted.get("order_id"), self._request.user_id
        if order_id and self.goal["name"] != "get_order_details":
            yield from _unless_known(memory, "get_order_details", order_id=order_id)
        if "payment_method_id" in wanted or "user_id" in wanted:
            yield from _unless_known(memory, "get_user_details", user_id=user_id)
        if "product_id" in wanted:
            yield from _unless_known(memory, "list_all_product_types")

    def _products(self, memory: Memory) -> Iterator[Call]:
        """The products of the items that are to be swapped, as the order has them."""
        wanted = self.goal["arguments"]
        if "new_item_ids" in wanted:
            order = memory.result_of("get_order_details", order_id=wanted["order_id"])
            items = {item["item_id"]: item["product_id"] for item in order["items"]}
            for product_id in dict.fromkeys(items[item_id] for item_id in wanted["item_ids"]):
                yield from _unless_known(memory, "get_product_details", product_id=product_id)

    def verify(self, memory: Memory, observed: Sequence[Observed]) -> Verdict:
        """Failed where the world refused a call, complete where the goal was reached."""
        refused = [f"{each.call['name']}: {each.error}" for each in observed if each.error is not None]
        if refused:
            return Verdict("failed", "; ".join(refused))
        if any(each.call == self.goal for each in observed):
            return Verdict("complete")
        return Verdict("continue", f"{self.goal['name']} is still to be made")

    def write(self, memory: Memory) -> TaskRecord:
        """The wish, with the calls that were made for it."""
        return record_from(
            self._request, memory.made, self._assignment, method=METHOD, turns=len(memory.turns)
        )


def _unless_known(memory: Memory, tool: str, **arguments: Any) -> Iterator[Call]:
    if memory.result_of(tool, **arguments) is None:
        yield {"name": tool, "arguments": arguments}
