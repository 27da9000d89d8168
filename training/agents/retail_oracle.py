"""The oracle of retail: it reads the gold plan of its task, talks the customer through it, and does it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from practicum.envs import Task
from practicum.training.agents.agent import Decision, Successor, Tool
from practicum.training.agents.scripted import ScriptedAgent

MOST_ASKED = 4
"""Times that it asks for the same yes, or whether there is anything else."""
WHO = "Gladly. May I have your e-mail address, or your name and zip code?"
WHAT = "Which order and items is it about, what do you want instead, and how: reason, payment, address?"
ELSE = "Is there anything else that I can do for you?"
_LOOKUPS = ("get_order_details", "get_user_details", "get_product_details")
_CHANGES = ("cancel_", "modify_", "return_", "exchange_")

Call = Mapping[str, Any]
Plan = Generator[Decision, str, None]
"""Decisions; it is sent what came of each, as text."""


def oracle_agent(task: Task, seed: int = 0, noise: float = 0.0) -> Successor:
    """An agent that knows the gold plan of a retail task: a yardstick, not a player.

    Args:
        task: the one that it will play, its secret included.
        seed: of its slips.
        noise: probability from 0 to 1 that a call is a slip, which looks up something that there is not.
    """
    return ScriptedAgent(lambda: OracleScript(task), seed=seed, noise=noise)


class OracleScript:
    """Asks who the customer is and what they want, looks up what the plan looks up, asks for a yes, acts.

    Args:
        task: whose `secret` holds the plan, `actions` and `outputs`.
    """

    def __init__(self, task: Task) -> None:
        self._actions: Sequence[Call] = task.secret.get("actions", ())
        self._outputs: Sequence[str] = task.secret.get("outputs", ())

    def start(self, instruction: str, observation: Any) -> None:
        """Nothing has been said yet."""
        self._plan = self._steps()
        self._next = next(self._plan)

    def learn(self, made: Decision, result: Any, error: str | None) -> None:
        """Go on in the plan, where it was the plan's call."""
        if made is self._next:
            self._next = self._plan.send(result if isinstance(result, str) else "")

    def next(self) -> Decision:
        """The next call of the plan."""
        return self._next

    def slip(self, random: np.random.Generator, tools: Sequence[Tool]) -> Decision:
        """Look up something that there is not."""
        tool = _LOOKUPS[int(random.integers(len(_LOOKUPS)))]
        wrong = str(int(random.integers(1000)))
        return Decision(tool, {tool.removeprefix("get_").replace("_details", "_id"): wrong}, "A slip.")

    def _steps(self) -> Plan:
        yield _say(WHO)
        for calls in _by_wish(self._actions):
            yield from self._serve(calls)
        if self._outputs:
            yield _say(f"Here is what you asked for: {'; '.join(self._outputs)}.")
        while True:
            yield _say(ELSE)

    def _serve(self, calls: Sequence[Call]) -> Plan:
        """One wish: who asks comes first, then the details, then the rest."""
        found = [call for call in calls if call["name"].startswith("find_user_id")]
        rest = [call for call in calls if call not in found]
        for call in found:
            yield _made(call)
        if any("order_id" in call["arguments"] or _changes(call) for call in rest):
            yield _say(WHAT)
        for call in rest:
            if _changes(call):
                yield from _agree(call)
            yield _made(call)
        if any(map(_changes, rest)):
            yield _say(f"That is done. {ELSE}")


def _agree(call: Call) -> Plan:
    """Ask for a yes until it comes, in bounds."""
    details = "; ".join(f"{name}: {_worded(value)}" for name, value in call["arguments"].items())
    for _ in range(MOST_ASKED):
        reply = yield _say(f"I would {call['name'].replace('_', ' ')} with {details}. Do you confirm (yes)?")
        if reply.lower().startswith("yes"):
            return


def _by_wish(actions: Sequence[Call]) -> Iterator[list[Call]]:
    """The calls up to each change, and what follows the last."""
    calls: list[Call] = []
    for call in actions:
        calls.append(call)
        if _changes(call):
            yield calls
            calls = []
    if calls:
        yield calls


def _changes(call: Call) -> bool:
    return bool(call["name"].startswith(_CHANGES))


def _made(call: Call) -> Decision:
    return Decision(call["name"], call["arguments"])


def _say(message: str) -> Decision:
    return Decision("respond", {"message": message})


def _worded(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
