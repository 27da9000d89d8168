"""Repeats: an agent looks at every element of a list that was shown, one call each, before it decides.

Such calls are one decision, a `foreach`: what is looked up is the list, from its beginning to its end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.skills.arguments import Place, lists_in
from practicum.skills.ingest import Event, Trace

LEAST_TASKS = 3
"""Tasks in which a list of several elements was looked through."""
NEARLY_ALL = 0.9
"""Share of a tool's calls that must be part of it."""


@dataclass(frozen=True)
class Source:
    """What a tool is called for, one after the other."""

    tool: str
    argument: str
    path: str
    """Where the list stands in the result before the first call."""
    column: str | None
    """Of the list's objects; None where its elements are what is given."""

    def around(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """The statement that makes a call for every element."""
        name = f"each_{call['id']}"
        column = "" if self.column is None else f"/{self.column.replace('~', '~0').replace('/', '~1')}"
        given = {**call, "args": {**call["args"], self.argument: {"row": name, "path": column}}}
        over = {"ref": "last", "path": self.path}
        return {"do": "foreach", "id": name, "over": over, "body": [given]}


@dataclass(frozen=True)
class Repeat:
    """A lookup that is repeated for every element of a list."""

    source: Source
    later: frozenset[Place]
    """The calls that are not the first of their round: nobody decides on them."""


def looped(body: Sequence[Any], repeats: Mapping[str, Repeat]) -> list[Any]:
    """A body in which the calls of such lookups are made for every element."""
    return [_looped(stmt, repeats) for stmt in body]


def _looped(stmt: Mapping[str, Any], repeats: Mapping[str, Repeat]) -> Mapping[str, Any]:
    if stmt["do"] == "call":
        repeat = repeats.get(stmt["tool"])
        return stmt if repeat is None else repeat.source.around(stmt)
    bodies = {key: looped(stmt[key], repeats) for key in ("body", "then", "else") if key in stmt}
    cases = [{**case, "body": looped(case["body"], repeats)} for case in stmt.get("cases", ())]
    return {**stmt, **bodies, **({"cases": cases} if cases else {})}


def repeats_of(traces: Sequence[Trace]) -> dict[str, Repeat]:
    """The lookups that were made for whole lists, by their tool.

    Args:
        traces: sessions, of one environment.
    """
    found: dict[Source, list[tuple[Place, int]]] = defaultdict(list)
    calls: dict[str, int] = defaultdict(int)
    for number, trace in enumerate(traces):
        for event in trace.played:
            calls[event.tool] += event.error is None
        for source, place, length in _runs(trace):
            found[source].append(((number, place), length))
    kept: dict[str, Repeat] = {}
    for source, runs in sorted(found.items(), key=lambda pair: (-len(pair[1]), repr(pair[0]))):
        tasks = {traces[number].task for (number, _), length in runs if length > 1}
        whole = sum(length for _, length in runs) >= NEARLY_ALL * calls[source.tool]
        if whole and len(tasks) >= LEAST_TASKS and source.tool not in kept:
            kept[source.tool] = Repeat(source, frozenset(_later(runs, traces, source.tool)))
    return kept


def _later(runs: Sequence[tuple[Place, int]], traces: Sequence[Trace], tool: str) -> Iterator[Place]:
    for (number, first), length in runs:
        places = _accepted(traces[number].played, first)
        yield from ((number, place) for place in places[1:length])


def _accepted(events: Sequence[Event], start: int) -> list[int]:
    return [place for place in range(start, len(events)) if events[place].error is None]


def _runs(trace: Trace) -> Iterator[tuple[Source, int, int]]:
    """What was looked through from beginning to end, with the place of the first call, and how many."""
    last, busy = trace.opening, 0
    for place, event in enumerate(trace.played):
        if event.error is not None:
            continue
        if place >= busy and event.read and len(event.arguments) == 1:
            after = [trace.played[at] for at in _accepted(trace.played, place)]
            for source, length in _looked_through(last, after):
                yield source, place, length
                busy = max(busy, _accepted(trace.played, place)[length - 1] + 1)
        last = event.result


def _looked_through(shown: Any, events: Sequence[Event]) -> Iterator[tuple[Source, int]]:
    """The lists of a result for every element of which a call was made, in their order."""
    tool, (argument,) = events[0].tool, events[0].arguments
    for path, rows in lists_in(shown):
        given = [event.arguments.get(argument) for event in events[: len(rows)] if event.tool == tool]
        columns = rows[0] if isinstance(rows[0], Mapping) else (None,)
        for column in columns if len(given) == len(rows) else ():
            if given == [row.get(column) if isinstance(row, Mapping) else row for row in rows]:
                yield Source(tool, argument, path, column), len(rows)
