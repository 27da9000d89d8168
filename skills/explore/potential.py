"""Progress potential: how often a success followed where an episode came through a situation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Potential:
    """P(success | state) over finished episodes, shrunk towards the success of all of them.

    Args:
        prior: episodes that the overall success weighs in a state's own.
    """

    def __init__(self, prior: float = 2.0) -> None:
        self._prior = prior
        self._episodes = [0, 0]
        self._states: dict[str, list[int]] = {}

    def observe(self, states: Iterable[str], *, success: bool) -> None:
        """An episode has ended that came through these states; coming through one twice counts once."""
        for counts in [self._episodes, *(self._states.setdefault(s, [0, 0]) for s in sorted(set(states)))]:
            counts[0] += success
            counts[1] += 1

    @property
    def successes(self) -> int:
        """Episodes that ended well."""
        return self._episodes[0]

    @property
    def episodes(self) -> int:
        """Episodes that have ended."""
        return self._episodes[1]

    def value(self, state: str) -> float:
        """P(success | state), from 0 to 1: (successes + prior·overall) / (episodes + prior)."""
        overall = self._episodes[0] / self._episodes[1] if self._episodes[1] else 0.0
        successes, episodes = self._states.get(state, (0, 0))
        return (successes + self._prior * overall) / (episodes + self._prior)

    def progress(self, before: str, after: str) -> float:
        """What a step from one state to another gains: the difference of their values, from -1 to 1."""
        return self.value(after) - self.value(before)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        states = {state: list(counts) for state, counts in self._states.items()}
        return {"prior": self._prior, "episodes": list(self._episodes), "states": states}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Potential:
        """Read what `as_json` wrote."""
        potential = cls(record["prior"])
        potential._episodes = list(record["episodes"])
        potential._states = {state: list(counts) for state, counts in record["states"].items()}
        return potential
