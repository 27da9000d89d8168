"""Budget: what judging may take, in calls and in money, looked at before every call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from practicum.envs.errors import UsageError
from practicum.training.llm import ChatModel, Message, Reply, Usage

CHARACTERS_PER_TOKEN = 4
"""By which tokens are estimated, ahead of a call and where a server does not count them."""
REPLY_TOKENS = 80
"""Estimate of a verdict."""


class BudgetSpent(Exception):  # noqa: N818  # a state, caught where it is expected
    """The next call would take more than the budget has left; says what was spent."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model takes, in money per 1,000 tokens."""

    read: float = 0.0
    written: float = 0.0

    def of(self, usage: Usage) -> float:
        """What some usage costs."""
        return (usage.prompt_tokens * self.read + usage.completion_tokens * self.written) / 1000


@dataclass
class Budget:
    """What judging may take, and what it has taken; replies from the cache are free.

    Args:
        max_calls: requests; any number where None.
        max_cost: money; any amount where None.
        prices: of the model.

    Raises:
        UsageError: a limit in money without prices.
    """

    max_calls: int | None = None
    max_cost: float | None = None
    prices: Prices = Prices()
    calls: int = 0
    cost: float = 0.0

    def __post_init__(self) -> None:
        if self.max_cost is not None and self.prices == Prices():
            raise UsageError("a limit in money needs the model's prices: give --price-in and --price-out too")

    def ask(self, model: ChatModel, messages: Sequence[Message]) -> tuple[Reply, float]:
        """Ask a model within the budget; returns its reply and what that cost.

        Raises:
            BudgetSpent: it would take more than is left.
            ModelFailed, ModelUnavailable: as the model says.
        """
        self._check(messages)
        self.calls += 1
        reply = model.complete(messages)
        cost = self.prices.of(_counted(reply, messages))
        self.cost += cost
        return reply, cost

    def _check(self, messages: Sequence[Message]) -> None:
        spent = f"{self.calls} calls and {self.cost:.4f} in money were spent"
        if self.max_calls is not None and self.calls >= self.max_calls:
            raise BudgetSpent(f"{spent}, the limit is {self.max_calls} calls")
        expected = self.prices.of(Usage(1, _tokens(messages), REPLY_TOKENS))
        if self.max_cost is not None and self.cost + expected > self.max_cost:
            raise BudgetSpent(
                f"{spent}, the next call takes about {expected:.4f}, the limit is {self.max_cost}"
            )


def _counted(reply: Reply, messages: Sequence[Message]) -> Usage:
    """The tokens of a call, estimated where the server does not say."""
    if reply.usage.tokens:
        return reply.usage
    return Usage(1, _tokens(messages), len(reply.text) // CHARACTERS_PER_TOKEN)


def _tokens(messages: Sequence[Message]) -> int:
    return sum(len(str(message["content"])) for message in messages) // CHARACTERS_PER_TOKEN
