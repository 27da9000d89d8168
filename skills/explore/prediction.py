"""Learning progress: how much better the next situation can be foretold than a while ago."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

WINDOW = 8
"""Last steps of a (state, action) that learning progress looks back on."""
ALARM_BITS = 1.0
"""Mean surprisal of late, above the chance that was always in it, from which on `drifts` says so."""
LONG_KNOWN = 8
"""Times that a (state, action) was tried before the alarm listens to it."""
_ALARM_WINDOW = 40
"""Steps over which the alarm looks back."""


@dataclass(slots=True)
class _Outcomes:
    """What followed a (state, action)."""

    counts: dict[str, int] = field(default_factory=dict)
    recent: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """The last ones, with what their surprisal was."""


class ForwardModel:
    """Counts of what state follows a (state, action).

    Its surprisal in bits never vanishes in a world of chance, so it is no reason to go anywhere; only its
    fall is (learning progress as in Lopes, Lang, Toussaint and Oudeyer 2012). Its rise where all was long
    known is an alarm: the world has changed.
    """

    def __init__(self) -> None:
        self._outcomes: dict[str, dict[str, _Outcomes]] = {}
        self._known: deque[float] = deque(maxlen=_ALARM_WINDOW)

    def observe(self, state: str, action: str, after: str) -> float:
        """A step was made.

        Returns:
            Its surprisal in bits, under what was known before it.
        """
        outcomes = self._outcomes.setdefault(state, {}).setdefault(action, _Outcomes())
        surprisal = _surprisal(outcomes.counts, after)
        if sum(outcomes.counts.values()) >= LONG_KNOWN:
            self._known.append(surprisal - _entropy(outcomes.counts))
        outcomes.counts[after] = outcomes.counts.get(after, 0) + 1
        outcomes.recent.append((after, surprisal))
        return surprisal

    def followers(self, state: str, action: str) -> Mapping[str, int]:
        """How often which state followed."""
        outcomes = self._outcomes.get(state, {}).get(action)
        return outcomes.counts if outcomes is not None else {}

    def learning_progress(self, state: str, action: str) -> float:
        """From 0 to 1: bits by which the last steps would surprise less now than they did."""
        outcomes = self._outcomes.get(state, {}).get(action)
        if outcomes is None:
            return 0.0
        falls = [then - _surprisal(outcomes.counts, after) for after, then in outcomes.recent]
        return min(1.0, max(0.0, sum(falls) / len(falls)))

    @property
    def drift(self) -> float:
        """Mean surprisal in bits of the last steps from what is long known, above its own chance."""
        return sum(self._known) / len(self._known) if self._known else 0.0

    @property
    def drifts(self) -> bool:
        """Whether the world seems to have changed."""
        return len(self._known) == _ALARM_WINDOW and self.drift > ALARM_BITS

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        outcomes = {
            state: {
                a: {"counts": dict(o.counts), "recent": [list(r) for r in o.recent]}
                for a, o in actions.items()
            }
            for state, actions in self._outcomes.items()
        }
        return {"outcomes": outcomes, "known": list(self._known)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ForwardModel:
        """Read what `as_json` wrote."""
        model = cls()
        model._known.extend(record["known"])
        model._outcomes = {
            state: {a: _Outcomes(dict(o["counts"]), _last(o["recent"])) for a, o in actions.items()}
            for state, actions in record["outcomes"].items()
        }
        return model


def _last(record: Iterable[Any]) -> deque[tuple[str, float]]:
    return deque(((after, surprisal) for after, surprisal in record), WINDOW)


def _surprisal(counts: Mapping[str, int], after: str) -> float:
    """In bits, where what was seen n of N times has n / (N + 1), and what never was half a time."""
    return math.log2((sum(counts.values()) + 1) / counts.get(after, 0.5))


def _entropy(counts: Mapping[str, int]) -> float:
    """Of what followed so far, in bits."""
    total = sum(counts.values())
    return -sum(n / total * math.log2(n / total) for n in counts.values())
