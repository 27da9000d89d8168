"""Information: what an agent has been told so far, and how much of a call's arguments stands on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

SMALL = 10
"""Whole numbers up to this size are choices (a page, a count), not information."""
OWN_WORDS = 12
"""A text of more words than this is the agent's own."""
NEAR_DAYS = 3
"""A day this near to one that was told follows from it: the day before, the day after."""
DAY_LENGTH = 10
_SCALARS = frozenset({str, int, float})
_WORD = re.compile(r"[^\s,;!?()\[\]{}\"'`<>|=]+")
_AROUND = ".:$€£"


class Told:
    """What an agent has been told: whole values, and the words of texts, however they are capitalised.

    What is learned is looked through when an argument asks for it, the newest first: most arguments stand in
    the last answer, and many answers are never asked for.
    """

    def __init__(self, *told: Any) -> None:
        self._unread: list[Any] = list(told)
        self._seen: set[str | float] = set()
        """Texts, names and numbers as they were shown; each is taken in once."""
        self._values: set[str] = set()
        self._words: set[str] = set()

    def learn(self, value: Any) -> None:
        """Take in what the agent is shown: plain JSON or text, which stays as it is."""
        self._unread.append(value)

    def and_more(self, *told: Any) -> Told:
        """The same and more, as a copy; what this has been told is read for all copies at once."""
        while self._unread:
            self._read(self._unread.pop())
        more = Told(*told)
        more._seen, more._values, more._words = self._seen.copy(), self._values.copy(), self._words.copy()
        return more

    def used(self, arguments: Mapping[str, Any]) -> tuple[float, list[str]]:
        """How much of a call's arguments the agent was told.

        Returns:
            The share from 0 to 1, which is 1 where no argument is information; and the arguments that are
            not known whole.
        """
        found = [(name, self._found(value)) for name, value in _scalars(arguments)]
        shares = [(name, share) for name, share in found if share is not None]
        if not shares:
            return 1.0, []
        guessed = list(dict.fromkeys(name for name, share in shares if share < 1))
        return sum(share for _, share in shares) / len(shares), guessed

    def _found(self, value: Any) -> float | None:
        """As `_known`, reading on until it is known whole or nothing is left."""
        share = self._known(value)
        while share is not None and share < 1 and self._unread:
            self._read(self._unread.pop())
            share = self._known(value)
        return share

    def _read(self, value: Any) -> None:
        seen = self._seen
        waiting = [value]
        for part in waiting:  # which grows meanwhile
            kind = type(part)
            if kind is dict:
                waiting += part.values()
                if not part.keys() <= seen:
                    waiting += part
            elif kind is list or kind is tuple:
                waiting += part
            elif kind in _SCALARS and part not in seen:
                seen.add(part)
                self._take_in(part)

    def _take_in(self, part: Any) -> None:
        text = part.casefold() if isinstance(part, str) else _digits(part)
        self._values.add(text)
        if isinstance(part, str):
            self._words.update([word.strip(_AROUND) for word in _WORD.findall(text)])

    def _known(self, value: Any) -> float | None:
        """The share of a value that was told; None where it is no information."""
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, str):
            return self._known_text(value.strip().casefold())
        if isinstance(value, int) and -SMALL <= value <= SMALL:
            return None
        digits = _digits(value)
        return float(digits in self._values or digits in self._words)

    def _known_text(self, text: str) -> float | None:
        if not text:
            return None
        if text in self._values or any(day in self._words for day in _days_near(text)):
            return 1.0
        parts = _WORD.findall(text)
        if len(parts) > OWN_WORDS:
            return None
        known = [part.strip(_AROUND) in self._words for part in parts]
        return sum(known) / len(known) if known else None


def _days_near(text: str) -> Iterator[str]:
    """The days around a day, as `2026-03-04`; of any other text nothing."""
    if len(text) == DAY_LENGTH and text[4] == "-":
        with suppress(ValueError, OverflowError):
            day = date.fromisoformat(text)
            for distance in range(-NEAR_DAYS, NEAR_DAYS + 1):
                yield (day + timedelta(distance)).isoformat()


def _digits(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).casefold()


def _scalars(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every scalar in the arguments, with the argument that it stands in."""
    for name, value in arguments.items():
        if isinstance(value, Mapping | list | tuple):
            parts = value if isinstance(value, Mapping) else {str(i): part for i, part in enumerate(value)}
            yield from ((name, part) for _, part in _scalars(parts))
        else:
            yield name, value
