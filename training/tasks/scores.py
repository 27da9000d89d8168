"""Scores of a played task: the calls that an agent made against the gold calls, and what it said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from practicum.envs import Step
from practicum.envs.normalise import normalised
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.verdicts import unsaid
from practicum.training.tasks.records import Call, key_of

UNCOUNTED = ("respond", "think", "calculate")
"""Tools of talking and thinking: no plan is held against them."""
_UNORDERED = {"return_delivered_order_items": ("item_ids",)}
_FREE = {"transfer_to_human_agents": ("summary",)}
"""Arguments that are an agent's own words, which no plan foresees."""


@dataclass(frozen=True)
class Score:
    """Calls and words of one visit, counted."""

    called: int
    """Calls that count, refused ones included."""
    expected: int
    """Gold calls that count."""
    matched: int
    """Calls that are gold calls; a gold call is matched once."""
    named: int
    """Calls of the tools of gold calls, whatever their arguments; each gold call counts once."""
    exact: bool
    """Whether the calls are the gold calls, in their order."""
    outputs: int
    """What was to be said."""
    said: int
    """What of it was."""

    @property
    def precision(self) -> float:
        """The share of the calls that are gold calls; with no call 1 where none was expected, else 0."""
        return self.matched / self.called if self.called else float(not self.expected)

    @property
    def recall(self) -> float:
        """The share of the gold calls that were made; 1 where there are none."""
        return self.matched / self.expected if self.expected else 1.0

    @property
    def accuracy(self) -> float:
        """The share of right tools, whatever the arguments, of the calls or of the plan if that is longer."""
        return self.named / most if (most := max(self.called, self.expected)) else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def argument_match(self) -> float | None:
        """The share of rightly chosen tools that were called with the right arguments; None without any."""
        return self.matched / self.named if self.named else None

    @property
    def output_match(self) -> float | None:
        """The share of what was to be said that was; None where nothing was."""
        return self.said / self.outputs if self.outputs else None


def score(steps: Iterable[Step], gold: Sequence[Call], outputs: Sequence[str] = ()) -> Score:
    """Hold the steps of a visit against its gold calls.

    Calls are equal when tool and normalised arguments are; the order of the items of a return means nothing,
    nor do the words in which a customer is handed over.
    """
    played = list(steps)
    said = [str(step.arguments.get("message", "")) for step in played if step.tool == "respond"]
    called = _spelt({"name": step.tool, "arguments": step.arguments} for step in played)
    expected = _spelt(gold)
    return Score(
        called=len(called),
        expected=len(expected),
        matched=_shared([key for _, key in called], [key for _, key in expected]),
        named=_shared([name for name, _ in called], [name for name, _ in expected]),
        exact=called == expected,
        outputs=len(outputs),
        said=len(outputs) - len(unsaid(outputs, said)),
    )


def unmatched(called: Sequence[Call], gold: Sequence[Call]) -> tuple[list[Call], list[Call]]:
    """The gold calls that were not made, and the calls that are none, both in order.

    Calls are equal as in `score`.
    """
    return _left(gold, called), _left(called, gold)


def _left(some: Sequence[Call], others: Sequence[Call]) -> list[Call]:
    """Calls that have no counterpart among others; each of those is one call's counterpart."""
    keys = Counter(key for _, key in _spelt(others))
    left = []
    for call in some:
        for _, key in _spelt([call]):
            if keys[key]:
                keys[key] -= 1
            else:
                left.append(call)
    return left


def _spelt(calls: Iterable[Call]) -> list[tuple[str, str]]:
    """The tool of each call that counts, and what tells its call from others."""
    return [(call["name"], _key(call)) for call in calls if call["name"] not in UNCOUNTED]


def _key(call: Call) -> str:
    action = RetailEnv.actions.get(call["name"])
    if action is None:
        return key_of([call])
    arguments = normalised(call["arguments"], action.schema, unordered=_UNORDERED.get(call["name"], ()))
    held = {name: arguments[name] for name in arguments if name not in _FREE.get(call["name"], ())}
    return key_of([{"name": call["name"], "arguments": held}])


def _shared(some: Iterable[str], others: Iterable[str]) -> int:
    return (Counter(some) & Counter(others)).total()
