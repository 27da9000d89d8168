"""Agentflow with a chat model: it plans, verifies and writes; the world executes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from practicum.envs.retail.scenarios import Request
from practicum.envs.retail.world import World
from practicum.training.llm import ChatModel
from practicum.training.tasks.agentflow import METHOD, Memory, Observed, Parts, Verdict
from practicum.training.tasks.asking import CALLS_FORM, asked, calls_in, material, told_of, tool_list
from practicum.training.tasks.chat_proposals import record_in
from practicum.training.tasks.proposals import Assignment, drawn
from practicum.training.tasks.records import Call, TaskRecord

PLAN = f"""\
You plan how the service desk of a shop serves a customer, to make a task of it. You are told a \
scenario, the tools, records of the customer, and the calls so far with their results. Plan the next \
calls: first find the customer by e-mail address or by name and zip code, then look up what is \
needed, then make the change that the scenario is about. Where you are given feedback, the task that \
was turned down stands beside it: make a better one.
Answer with one JSON object and nothing else: {CALLS_FORM}"""
VERIFY = """\
You verify calls of the service desk of a shop, made to build a task of the given scenario. Say \
`complete` where the calls so far find the customer and do what the scenario is about, `continue` \
where calls are missing, and `failed` where this leads nowhere.
Answer with one JSON object and nothing else: {"status": "complete", "reason": "..."}"""
WRITE = """\
You write the task that some calls of the service desk of a shop fulfil. Write as q what the \
customer knows and wants, addressed to whoever plays them as "you": name, e-mail address or zip \
code, order, items by name and options, and the reason, payment method or address that the calls \
need. Never ids of items or products. Write as ogt what the customer must be told, each as short as \
it is in the results; empty where nothing is asked.
Answer with one JSON object and nothing else: {"q": "...", "ogt": ["..."]}"""


class ChatParts:
    """Planner, verifier and generator, all asked of one chat model.

    Args:
        model: that is asked.
        assignment: what is made.
        request: whose customer the task is about.
        known: the records that the model is shown.
    """

    def __init__(
        self, model: ChatModel, assignment: Assignment, *, request: Request, known: dict[str, Any]
    ) -> None:
        self._model = model
        self._assignment = assignment
        self._user_id = request.user_id
        self._known = known

    @classmethod
    def maker(cls, model: ChatModel, world: World) -> Callable[[Assignment], Parts]:
        """What makes the parts of each assignment."""

        def make(assignment: Assignment) -> Parts:
            request = drawn(world, replace(assignment, attempt=0))
            own = cls(model, assignment, request=request, known=material(world, request))
            return Parts(own, own, own)

        return make

    def plan(self, memory: Memory) -> Sequence[Call]:
        """The calls that the model plans.

        Raises:
            NoProposal: it plans none that can be read.
        """
        told = {"tools": tool_list(), **self._brief(), **_so_far(memory)}
        return calls_in(asked(self._model, PLAN, told).get("calls"))

    def verify(self, memory: Memory, observed: Sequence[Observed]) -> Verdict:
        """What the model says of the calls.

        Raises:
            NoProposal: nothing that can be read.
        """
        told = {"scenario": self._assignment.scenario, **_so_far(memory, observed)}
        answer = asked(self._model, VERIFY, told)
        reason = str(answer.get("reason", ""))
        match answer.get("status"):
            case "complete":
                return Verdict("complete", reason)
            case "failed":
                return Verdict("failed", reason)
            case _:
                return Verdict("continue", reason)

    def write(self, memory: Memory) -> TaskRecord:
        """The task that the model writes of the calls that the world has played.

        Raises:
            NoProposal: it is none.
        """
        answer = asked(self._model, WRITE, {**self._brief(), **_so_far(memory)})
        whole = {**answer, "agt": [dict(call) for call in memory.made]}
        turns = len(memory.turns)
        return record_in(whole, self._assignment, self._user_id, method=METHOD, turns=turns)

    def _brief(self) -> dict[str, Any]:
        return {**told_of(self._assignment), "records": self._known}


def _so_far(memory: Memory, observed: Sequence[Observed] = ()) -> dict[str, Any]:
    calls = [each.as_json() for each in (*memory.observed, *observed)]
    return {"calls": calls, "remarks": [turn.verdict.reason for turn in memory.turns]}
