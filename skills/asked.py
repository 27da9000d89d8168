"""Asked: what a call that changes something is given, by its caller's word or by what follows from that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from practicum.skills.arguments import ABSENT, Expr, Uses, cost_of, expr_of, key_of, scalars_in
from practicum.skills.ingest import Event, Trace
from practicum.skills.relevance import is_news, texts_in
from practicum.skills.values import same

LIST_ENDS = frozenset({"0", "-1"})
"""What stands in the path of a scalar within a list."""


@dataclass(frozen=True)
class Asked:
    """How the tools that may change something are called in parts."""

    traces: Sequence[Trace]
    """Of the parts."""
    tools: Collection[str]
    looped: Collection[str]
    """Tools that a program calls for every element of a list, so that its last call is nobody's choice."""

    def argument(self, use: Uses) -> Expr:
        """The caller's word, or a single field that looks show which look at nothing but what was said.

        Never what was come upon because of where it stood in a list.
        """
        if all(value is None for value in use.values.values()):
            return ABSENT
        told: Expr = {"param": use.argument}
        news = sum(is_news(value, self.traces[number].before) for (number, _), value in use.values.items())
        if 2 * news <= len(use.values):
            return told
        everywhere = (expr_of(key) for key, places in use.explained.items() if len(places) == len(use.values))
        shown = [expr for expr in everywhere if "ref" in expr and self._follows(expr, use)]
        return min(shown, key=lambda expr: (cost_of(expr, use.argument), key_of(expr)), default=told)

    def _follows(self, expr: Expr, use: Uses) -> bool:
        """Whether what a reference shows follows from what was said, wherever it was used."""
        return _stands_alone(expr["path"]) and all(
            _shown_by(expr["ref"], self.traces[number].played[:place]) in self._certain[number]
            for number, place in use.values
        )

    @cached_property
    def _certain(self) -> list[dict[int, Event]]:
        """By trace: the calls that were given only what was said before the part, or follows from that."""
        return [_certain_of(trace, self.looped) for trace in self.traces]


def _certain_of(trace: Trace, looped: Collection[str]) -> dict[int, Event]:
    found: dict[int, Event] = {}
    for place, event in enumerate(trace.played):
        given = (value for value in event.arguments.values() if value is not None)
        is_certain = all(_is_said(value, trace) or _is_shown(value, found.values()) for value in given)
        if is_certain and event.error is None and event.tool not in looped:
            found[place] = event
    return found


def _is_said(value: Any, trace: Trace) -> bool:
    return bool(texts_in([value])) and not is_news(value, trace.before)


def _is_shown(value: Any, events: Iterable[Event]) -> bool:
    scalars = (pair for event in events for pair in scalars_in(event.result))
    return any(same(found, value) and _stands_alone(path) for path, found in scalars)


def _shown_by(ref: str, before: Sequence[Event]) -> int | None:
    """The place of the call whose result a reference is to; None for what no call of the part showed."""
    shown = (place for place, event in enumerate(before) if event.error is None)
    return max((place for place in shown if ref in ("last", before[place].tool)), default=None)


def _stands_alone(path: str) -> bool:
    """Whether a path leads to no element of a list."""
    return LIST_ENDS.isdisjoint(path.split("/"))
