"""Outside: what the world takes from beyond its own state, kept in the step and served back on replay."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing the world was told from outside."""

    kind: str
    """What was asked for: `clock`, `chat`, `page`, …"""
    value: Any
    """The answer, plain JSON."""


class ReplayMismatch(Exception):  # noqa: N818  # says what was met
    """A replayed world asked outside for something else than it did the first time."""


class OutsideFailed(Exception):  # noqa: N818  # says what was met
    """Somebody outside of the world gave no answer this time; asked again, they may."""


class Outside(Protocol):
    """Where a world gets what its own state cannot tell."""

    def ask(self, kind: str, source: Callable[[], Any]) -> Any:
        """The answer of `source`, or on replay the one that was given then. Plain JSON."""

    def take(self) -> tuple[Answer, ...]:
        """The answers given since the last call, oldest first."""


class LiveOutside:
    """Asks the real source and keeps what it said."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: list[Answer] = []

    def ask(self, kind: str, source: Callable[[], Any]) -> Any:
        """Ask `source` now and keep its answer."""
        value = source()
        self._answers.append(Answer(kind, value))
        return value

    def take(self) -> tuple[Answer, ...]:
        """The answers since the last call."""
        if not self._answers:
            return ()
        answers, self._answers = tuple(self._answers), []
        return answers


class ReplayedOutside:
    """Serves recorded answers in their order and never asks anybody."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self._waiting = deque(answers)
        self._given: list[Answer] = []

    def expect(self, answers: Iterable[Answer]) -> None:
        """Put the answers of the next step in line.

        Raises:
            ReplayMismatch: an answer of the step before was never asked for.
        """
        if self._waiting:
            raise ReplayMismatch(f"the log holds {self._waiting[0].kind!r}, which the world did not ask for")
        self._waiting.extend(answers)

    def ask(self, kind: str, source: Callable[[], Any]) -> Any:
        """The next recorded answer; `source` stays unasked.

        Raises:
            ReplayMismatch: nothing is left, or the next answer is of another kind.
        """
        if not self._waiting or self._waiting[0].kind != kind:
            found = self._waiting[0].kind if self._waiting else "nothing"
            raise ReplayMismatch(f"the world asked outside for {kind!r}, the log holds {found}")
        self._given.append(self._waiting.popleft())
        return self._given[-1].value

    def take(self) -> tuple[Answer, ...]:
        """The answers served since the last call."""
        given, self._given = tuple(self._given), []
        return given


def seconds_now() -> float:
    """A clock in seconds that is never set back.

    It starts elsewhere in every process, so what a world keeps is a difference of two readings, taken inside
    the source that it asks: `outside.ask("clock", lambda: seconds_now() - began)`.
    """
    return time.monotonic()
