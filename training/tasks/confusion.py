"""Expected against called tools: which tools were called where others were expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from practicum.training.tasks.played_task import PlayedTask
from practicum.training.tasks.scores import UNCOUNTED

NOTHING = "nothing"
"""Stands where a tool was expected and none was called, or called and none was expected."""


@dataclass(frozen=True)
class Confusion:
    """How often each tool was called where each was expected."""

    expected: tuple[str, ...]
    called: tuple[str, ...]
    counts: Mapping[tuple[str, str], int]
    """By expected and called tool; pairs that never came about are left out."""

    def rows(self) -> list[list[int]]:
        """A row for each expected tool, a column for each called one."""
        return [[self.counts.get((one, other), 0) for other in self.called] for one in self.expected]


def confusion(tested: Iterable[PlayedTask]) -> Confusion:
    """Count tools that were expected and called, task by task.

    Calls of an expected tool are paired with it, whatever their order and arguments; what is left on both
    sides is paired in order, and what is left then with `nothing`, which stands last.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for each in tested:
        expected = [call["name"] for call in each.record.agt if call["name"] not in UNCOUNTED]
        counts.update(_pairs(expected, [call["name"] for call in each.called]))
    return Confusion(_names(one for one, _ in counts), _names(other for _, other in counts), counts)


def _pairs(expected: Sequence[str], called: Sequence[str]) -> list[tuple[str, str]]:
    shared = Counter(expected) & Counter(called)
    same = [(name, name) for name in shared.elements()]
    rest = zip_longest(_without(expected, shared), _without(called, shared), fillvalue=NOTHING)
    return [*same, *rest]


def _without(names: Iterable[str], shared: Mapping[str, int]) -> list[str]:
    left, rest = Counter(shared), []
    for name in names:
        if left[name]:
            left[name] -= 1
        else:
            rest.append(name)
    return rest


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names), key=lambda name: (name == NOTHING, name)))
