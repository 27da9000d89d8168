"""Setbacks: steps after which less is achieved than before, or that undo what an earlier one did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from practicum.envs.domains import DomainProfile
from practicum.envs.episodes import Step
from practicum.skills.values import at_path
from practicum.training.rubrics.repeats import call_key

NO_PROGRESS = frozenset({"step", "refused", "solved", "violation", "wrappers", "shaped"})
"""Reward terms that say nothing of progress."""


class Setbacks:
    """What an episode has achieved so far.

    A setback is a step that takes back a reward term which was earned before, after which a list or an
    object of the profile's `gathered` holds less, or that undoes an earlier change: the same tool with two
    of its arguments exchanged, as when an edit is taken back.

    Args:
        profile: the domain's.
    """

    def __init__(self, profile: DomainProfile) -> None:
        self._profile = profile
        self._earned: dict[str, float] = {}
        self._gathered = dict.fromkeys(profile.gathered, 0)
        self._opposites: dict[str, int] = {}

    def score(self, step: Step) -> tuple[float, str]:
        """What is left of what was achieved, from 0 to 1, and what was lost; take steps in their order."""
        if step.refused:
            return 1.0, ""
        losses = [*self._lost_terms(step), *self._lost_goods(step), *self._undone(step)]
        return min(losses, default=(1.0, ""))

    def _lost_terms(self, step: Step) -> Iterator[tuple[float, str]]:
        for name, value in step.terms.items():
            if name in NO_PROGRESS:
                continue
            before = self._earned.get(name, 0.0)
            self._earned[name] = before + value
            if value < 0 < before:
                yield max(0.0, (before + value) / before), f"takes back {name}"

    def _lost_goods(self, step: Step) -> Iterator[tuple[float, str]]:
        for pointer, before in self._gathered.items():
            found = at_path(step.result, pointer)
            if not isinstance(found, list | Mapping):
                continue
            self._gathered[pointer] = len(found)
            if len(found) < before:
                yield len(found) / before, f"leaves less in {pointer}"

    def _undone(self, step: Step) -> Iterator[tuple[float, str]]:
        if step.read_only or self._profile.category(step.tool) != "write":
            return
        turn = self._opposites.get(call_key(step.tool, step.arguments))
        if turn is not None:
            yield 0.0, f"undoes turn {turn}"
        for opposite in _exchanged(step.arguments):
            self._opposites[call_key(step.tool, opposite)] = step.turn


def _exchanged(arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The arguments with two different texts in each other's place, in every way."""
    texts = [name for name, value in arguments.items() if isinstance(value, str) and value]
    for one, other in combinations(texts[:MOST_TEXTS], 2):
        if arguments[one] != arguments[other]:
            yield {**arguments, one: arguments[other], other: arguments[one]}


MOST_TEXTS = 4
"""Texts among the arguments that are exchanged by way of trial."""
