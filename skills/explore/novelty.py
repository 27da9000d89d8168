"""Novelty: how seldom an action was tried in a situation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class Novelty:
    """Counts of (state, action), and the bonus 1/sqrt(1+n) of Strehl and Littman (2008, MBIE-EB)."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    def observe(self, state: str, action: str) -> None:
        """An action was tried in a state."""
        actions = self._counts.setdefault(state, {})
        actions[action] = actions.get(action, 0) + 1

    def bonus(self, state: str, action: str) -> float:
        """1 where it was never tried, falling towards 0."""
        return 1 / math.sqrt(1 + self._counts.get(state, {}).get(action, 0))

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {state: dict(actions) for state, actions in self._counts.items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Novelty:
        """Read what `as_json` wrote."""
        novelty = cls()
        novelty._counts = {state: dict(actions) for state, actions in record.items()}
        return novelty
