"""Rewards by named terms: what a step earns is the sum of its terms, and each term says why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Terms = dict[str, float]
"""What one step earned, by the name of the reason."""


class RewardTable(Mapping[str, float]):
    """The value of each reward term of an environment.

    Four names have a meaning everywhere: `step` (every step), `refused` (a refused action), `solved` (success
    at the end) and `violation` (at the end, once for each kind of violation). Any other is earned by
    `ToolEnv.earn`.
    """

    def __init__(self, **terms: float) -> None:
        self._terms = {name: float(value) for name, value in terms.items()}

    def __getitem__(self, name: str) -> float:
        try:
            return self._terms[name]
        except KeyError:
            raise KeyError(f"no reward term {name!r}; the table has {', '.join(self._terms)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._terms

    def __iter__(self) -> Iterator[str]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    def __repr__(self) -> str:
        return f"RewardTable({', '.join(f'{name}={value:g}' for name, value in self._terms.items())})"

    def changed(self, **terms: float) -> RewardTable:
        """A copy with some terms replaced.

        Raises:
            KeyError: a term that this table does not have.
        """
        for name in terms:
            self[name]
        return RewardTable(**(self._terms | terms))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an episode ended, judged by the world from its own state."""

    success: bool
    """The right end: in flight-v1 a ticket within the constraints, or abort with nothing feasible left."""
    violations: tuple[str, ...] = ()
    """Kinds of constraint that the end breaks, each once."""
    regret: float | None = None
    """What the end cost above the best possible one, in the world's money; None where that means nothing."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further facts for reports, such as `ticketed` or `declined`."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {
            "success": self.success,
            "violations": list(self.violations),
            "regret": self.regret,
            **self.details,
        }
