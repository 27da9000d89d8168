"""SkilledAgent: runs the skill that is suggested for the task, and goes on by hand where it stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from practicum.training.agents.agent import Decision, Learner, Successor, Tool


class SkilledAgent:
    """Runs what is suggested, once, at the beginning; whatever is left to do, another agent does.

    Where nothing is suggested, by hand is what suits the task, and the other agent plays from the start.

    Args:
        by_hand: who goes on when the skill has stopped, from the steps that it made.
    """

    def __init__(self, by_hand: Successor) -> None:
        self._by_hand = by_hand
        self._suggested: Tool | None = None
        self._is_running = False

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """Look for the suggestion; the other agent is shown the world's own tools."""
        self._suggested = next((tool for tool in tools if tool.suggested), None)
        self._is_running = False
        self._opening = observation
        self._by_hand.begin(instruction, observation, [tool for tool in tools if not tool.is_skill])

    def follow(self, made: Decision, result: Any, error: str | None) -> None:
        """Take in a call that somebody else made: the episode is no fresh one, so nothing is run any more."""
        self._suggested = None
        self._by_hand.follow(made, result, error)

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """Run the suggestion, or let the other agent pick the next call."""
        if self._suggested is not None:
            name, self._suggested = self._suggested.name, None
            self._is_running = True
            return Decision(name, {}, f"{name} did such tasks before.")
        if self._is_running:
            self._is_running = False
            result, error = self._hand_over(result, error)
        return self._by_hand.decide(result, error)

    def end(self, result: Any, error: str | None, outcome: Mapping[str, Any] | None) -> None:
        """Let the other agent learn from what it played itself to its end."""
        if isinstance(self._by_hand, Learner) and not self._is_running:
            self._by_hand.end(result, error, outcome)

    def _hand_over(self, result: Any, error: str | None) -> tuple[Any, str | None]:
        """Tell the other agent what the skill did; returns the last result and refusal of the world."""
        steps = result["steps"] if error is None else []
        for step in steps:
            made = Decision(step["tool"], step["arguments"])
            self._by_hand.follow(made, step["result"], step["error"])
        return (steps[-1]["result"], steps[-1]["error"]) if steps else (self._opening, None)
