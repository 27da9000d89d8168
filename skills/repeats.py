"""Repeats: an agent looks at every element of a list that was shown, one call each, before it decides.

Such calls are one decision, a `foreach`: what is looked up is the list, from its beginning to its end. Where
looking at more harms nobody, a part of a list is as good, if it is more than one thing that was known before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from practicum.skills.arguments import Place, lists_in
from practicum.skills.ingest import Event, Trace
from practicum.skills.relevance import is_news

LEAST_TASKS = 3
"""Tasks in which a list of several elements was looked through."""
NEARLY_ALL = 0.9
"""Share of a tool's calls that must be part of it."""
MOST_MORE = 3
"""How many times as many elements may be looked at as agents looked at."""
MOST_LOOKED_AT = 20
"""Elements that are looked at where not all need be, unless agents looked through a longer list."""


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
class _Run:
    """Calls that look through a list."""

    first: Place
    calls: int
    elements: int
    """Of the list, whether they were looked at or not."""
    is_one_known: bool = False
    """Whether it is a single look, at what was known before the list was shown."""


@dataclass(frozen=True)
class Repeat:
    """A lookup that is repeated for every element of a list."""

    source: Source
    later: frozenset[Place]
    """The calls that are not the first of their round: nobody decides on them."""
    most: int | None = None
    """Elements that are looked at; None for as many as there are."""

    def around(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """The statement that makes a call for every element."""
        loop = self.source.around(call)
        return loop if self.most is None else {**loop, "max": self.most}


def looped(body: Sequence[Any], repeats: Mapping[str, Repeat]) -> list[Any]:
    """A body in which the calls of such lookups are made for every element."""
    return [_looped(stmt, repeats) for stmt in body]


def _looped(stmt: Mapping[str, Any], repeats: Mapping[str, Repeat]) -> Mapping[str, Any]:
    if stmt["do"] == "call":
        repeat = repeats.get(stmt["tool"])
        return stmt if repeat is None else repeat.around(stmt)
    bodies = {key: looped(stmt[key], repeats) for key in ("body", "then", "else") if key in stmt}
    cases = [{**case, "body": looped(case["body"], repeats)} for case in stmt.get("cases", ())]
    return {**stmt, **bodies, **({"cases": cases} if cases else {})}


def repeats_of(traces: Sequence[Trace], looks: Collection[str] = ()) -> dict[str, Repeat]:
    """The lookups that were made for whole lists, by their tool.

    Args:
        traces: sessions, of one environment.
        looks: tools that may as well look at elements which nobody looked at.
    """
    calls = Counter(event.tool for trace in traces for event in trace.played if event.error is None)
    found = sorted(_runs_by_source(traces, looks).items(), key=lambda pair: (-len(pair[1]), repr(pair[0])))
    kept: dict[str, Repeat] = {}
    for source, runs in found:
        if source.tool not in kept and _is_usual(runs, traces, calls[source.tool]):
            longest = max(MOST_LOOKED_AT, *(run.calls for run in runs))
            most = longest if source.tool in looks else None
            kept[source.tool] = Repeat(source, frozenset(_later(runs, traces, source.tool)), most)
    return kept


def _runs_by_source(traces: Sequence[Trace], looks: Collection[str]) -> dict[Source, list[_Run]]:
    found: dict[Source, list[_Run]] = defaultdict(list)
    for number, trace in enumerate(traces):
        for source, place, length in _runs(trace):
            if source.tool not in looks:
                found[source].append(_Run((number, place), length, length))
        for source, run in _partial_runs(number, trace, looks):
            found[source].append(run)
    return found


def _is_usual(runs: Sequence[_Run], traces: Sequence[Trace], calls: int) -> bool:
    """Whether a tool is nearly always called so, for lists of several elements and enough of these."""
    several = (run for run in runs if run.elements > 1 and not run.is_one_known)
    tasks = {traces[run.first[0]].task for run in several}
    looked, there = sum(run.calls for run in runs), sum(run.elements for run in runs)
    return looked >= NEARLY_ALL * calls and there <= MOST_MORE * looked and len(tasks) >= LEAST_TASKS


def _later(runs: Sequence[_Run], traces: Sequence[Trace], tool: str) -> Iterator[Place]:
    for run in runs:
        number, first = run.first
        places = _accepted(traces[number].played, first)
        yield from ((number, place) for place in places[1 : run.calls])


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


def _partial_runs(number: int, trace: Trace, looks: Collection[str]) -> Iterator[tuple[Source, _Run]]:
    """What was looked through in whole or in part."""
    accepted = [(place, event) for place, event in enumerate(trace.played) if event.error is None]
    last = trace.opening
    for tool, group in groupby(accepted, key=lambda pair: pair[1].tool):
        run = list(group)
        given = [event.arguments for _, event in run]
        if tool in looks and all(len(arguments) == 1 for arguments in given):
            values = [next(iter(arguments.values())) for arguments in given]
            is_one_known = len(values) == 1 and not is_news(values[0], trace.before)
            for path, column, elements in _drawn_from(last, values):
                source = Source(tool, next(iter(given[0])), path, column)
                yield source, _Run((number, run[0][0]), len(run), elements, is_one_known)
        last = run[-1][1].result


def _drawn_from(shown: Any, values: Sequence[Any]) -> Iterator[tuple[str, str | None, int]]:
    """The lists of a result that hold all of some values, with the column and the number of elements."""
    for path, rows in lists_in(shown):
        columns = rows[0] if isinstance(rows[0], Mapping) else (None,)
        for column in columns:
            elements = [row.get(column) if isinstance(row, Mapping) else row for row in rows]
            if all(value in elements for value in values):
                yield path, column, len(elements)


def _looked_through(shown: Any, events: Sequence[Event]) -> Iterator[tuple[Source, int]]:
    """The lists of a result for every element of which a call was made, in their order."""
    tool, (argument,) = events[0].tool, events[0].arguments
    for path, rows in lists_in(shown):
        given = [event.arguments.get(argument) for event in events[: len(rows)] if event.tool == tool]
        columns = rows[0] if isinstance(rows[0], Mapping) else (None,)
        for column in columns if len(given) == len(rows) else ():
            if given == [row.get(column) if isinstance(row, Mapping) else row for row in rows]:
                yield Source(tool, argument, path, column), len(rows)
