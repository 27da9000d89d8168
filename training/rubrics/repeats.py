"""Repeats: a call that was made before in the same state and was answered the same brings nothing new."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from practicum.envs.episodes import Step

FRUITLESS = 0.0
"""A call that cannot change the world, or was refused, and is made again before anything changed."""
AGAIN = 0.3
"""A call that may change the world, made again at once with the same answer: it may have done something."""


class Repeats:
    """The calls of an episode so far, each with the state of the world that it was made in.

    The log's marks tell whether the world changed: a read-only or refused call leaves it alone.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[int, int, Any]] = {}
        self._state = 0

    def score(self, step: Step) -> tuple[float, int | None]:
        """How new a call is, and the turn that it repeats; each step is taken in once, in its order."""
        changes = not (step.read_only or step.refused)
        key, answer = call_key(step.tool, step.arguments), step.error or step.result
        turn, state, before = self._made.get(key, (0, -1, None))
        is_repeat = state == self._state and before == answer and not _has_earned(step)
        if changes:
            self._state += 1
        self._made[key] = (step.turn, self._state, answer)
        if not is_repeat:
            return 1.0, None
        return (AGAIN if changes else FRUITLESS), turn


def call_key(tool: str, arguments: Mapping[str, Any]) -> str:
    """A call as text, equal for equal calls: null and absent arguments are the same."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return f"{tool} {json.dumps(given, sort_keys=True, separators=(',', ':'))}"


def _has_earned(step: Step) -> bool:
    return any(value > 0 for value in step.terms.values())
