"""The committee: independent reviewers of a task, each with an eye of its own; the majority decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from practicum.envs.errors import UsageError
from practicum.envs.retail.world import World
from practicum.training.tasks.lenses import LENSES, Lens
from practicum.training.tasks.records import TaskRecord


@dataclass(frozen=True)
class Review:
    """What one reviewer says."""

    reviewer: str
    approves: bool
    reason: str = ""
    """What they object to."""


class Committee(Protocol):
    """Those who look at a task that is valid."""

    def review(self, record: TaskRecord) -> Sequence[Review]:
        """What each of them says."""


def approval(reviews: Sequence[Review]) -> float:
    """The share of the reviewers who approve."""
    return sum(review.approves for review in reviews) / len(reviews)


def has_majority(reviews: Sequence[Review]) -> bool:
    """Whether more than half of the reviewers approve."""
    return approval(reviews) > 0.5


class RuleCommittee:
    """Reviewers that go by rules, the first of `LENSES`.

    Args:
        world: the task's.
        size: how many of them.
        data: folder of the world.

    Raises:
        UsageError: there are not so many.
    """

    def __init__(self, world: World, size: int = 3, *, data: str = "") -> None:
        if not 1 <= size <= len(LENSES):
            raise UsageError(f"a committee of {size} by rules; there are {len(LENSES)} such reviewers")
        self._world = world
        self._data = data
        self._lenses = dict(list(LENSES.items())[:size])

    def review(self, record: TaskRecord) -> list[Review]:
        """What each of them says; the first objection counts."""
        return [self._review(name, lens, record) for name, lens in self._lenses.items()]

    def _review(self, name: str, lens: Lens, record: TaskRecord) -> Review:
        objection = next(lens(record, self._world, self._data), None)
        return Review(name, objection is None, objection or "")
