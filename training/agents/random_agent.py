"""RandomAgent: calls that the door lets in, drawn at random; the floor for every other agent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from practicum.envs.spaces import WORDS, sample_arguments, text_values
from practicum.training.agents.agent import Decision, Tool


class RandomAgent:
    """Draws a tool and arguments that fit its schema; texts are drawn from those that it was shown last.

    Args:
        seed: of its draws.
        avoid: tools that it never calls.
    """

    def __init__(self, seed: int = 0, *, avoid: frozenset[str] = frozenset()) -> None:
        self._random = np.random.default_rng(seed)
        self._avoid = avoid
        self._tools: list[Tool] = []
        self._words: Sequence[str] = WORDS

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """Remember the tools; the instruction is not read."""
        self._tools = [tool for tool in tools if tool.name not in self._avoid]
        self._words = WORDS

    def follow(self, made: Decision, result: Any, error: str | None) -> None:
        """Nothing is learnt: texts are drawn from the last result alone."""

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """Draw a call."""
        self._words = tuple(dict.fromkeys(texts_in(result))) or self._words
        tool = self._tools[int(self._random.integers(len(self._tools)))]
        return Decision(tool.name, sample_arguments(tool, self._random, words=self._words), "A guess.")


def texts_in(value: Any) -> Iterator[str]:
    """Every short text in plain JSON, keys left out."""
    return (text for text in text_values(value) if 0 < len(text) <= 40)
