"""Sightings: which lists of a world's results are tables, and how later results tell more of their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.skills.arguments import Expr, lists_in, scalars_in
from practicum.skills.forms import fields_of, read_form
from practicum.skills.ingest import Event, Trace
from practicum.skills.values import at_path, same

VARIES_IN = 0.03
"""Share of the sessions in which surroundings must differ to be part of what a row is."""
HELD_IN = 0.5
"""Share of the calls after which a value must stand somewhere for that place to tell what is held."""


@dataclass(frozen=True)
class Column:
    """A column of a list's rows."""

    path: str
    name: str


def table_of(column: Column, traces: Sequence[Trace]) -> Expr:
    """The rows of a list with what tells them apart, and where else something is told of them."""
    table: dict[str, Any] = {"seen": column.path, "key": column.name}
    if context := _context(column, traces):
        table["with"] = context
    if updates := list(_updates(column, traces)):
        table["updates"] = updates
    return table


def _shows(column: Column, traces: Sequence[Trace]) -> Iterator[tuple[int, Event]]:
    for number, trace in enumerate(traces):
        for event in trace.played:
            if event.error is None and _rows(event.result, column.path):
                yield number, event


def _rows(result: Any, path: str) -> Sequence[Any]:
    found = at_path(result, path)
    return found if isinstance(found, list | tuple) else ()


def _context(column: Column, traces: Sequence[Trace]) -> dict[str, str]:
    """Surroundings that echo what was asked for, and that differ within a session: a day, a page's owner."""
    values: dict[str, dict[int, set[Any]]] = {}
    for number, event in _shows(column, traces):
        asked = [value for value in event.arguments.values() if isinstance(value, str)]
        for path, value in scalars_in(event.result):
            if value in asked and not path.startswith(column.path + "/") and "/0" not in path:
                values.setdefault(path, {}).setdefault(number, set()).add(value)
    needed = max(2, VARIES_IN * len(traces))
    varied = {path for path, of in values.items() if sum(len(found) > 1 for found in of.values()) >= needed}
    return {path.rpartition("/")[2]: path for path in sorted(varied)}


def _updates(column: Column, traces: Sequence[Trace]) -> Iterator[dict[str, str]]:
    """Other lists whose objects name rows and tell columns of theirs."""
    found: Counter[tuple[str, str]] = Counter()
    for trace in traces:
        keys: set[Any] = set()
        columns: set[str] = set()
        for event in trace.played:
            for row in _rows(event.result, column.path):
                if isinstance(row, Mapping) and isinstance(row.get(column.name), str):
                    keys.add(row[column.name])
                    columns |= row.keys()
            found.update(_naming(event.result, column, keys, columns))
    for (path, name), count in found.most_common(2):
        if count >= max(2, VARIES_IN * len(traces)):
            yield {"at": path, "key": name}


def _naming(result: Any, column: Column, keys: set[Any], columns: set[str]) -> Iterator[tuple[str, str]]:
    for path, rows in lists_in(result):
        if path == column.path or not isinstance(rows[0], Mapping):
            continue
        shared = columns & rows[0].keys()
        for name, value in rows[0].items():
            if isinstance(value, str) and value in keys and shared - {name, column.name}:
                yield path, name


def held_at(tool: str, argument: str, traces: Sequence[Trace], *, table: str) -> Expr | None:
    """Where a result tells which value a tool's call has put into effect; None where nothing does."""
    found: Counter[str] = Counter()
    calls = 0
    for event in (event for trace in traces for event in trace.played):
        value = event.arguments.get(argument)
        if event.tool == tool and event.error is None and value is not None:
            calls += 1
            paths = {path for path, shown in scalars_in(event.result) if same(shown, value)}
            found.update(path for path in paths if not path.startswith(f"{table}/"))
    if not found:
        return None
    path, count = min(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return {"ref": "last", "path": path} if count >= HELD_IN * calls else None


@dataclass(frozen=True)
class Telling:
    """A form in which the world tells several things, one of which calls are given."""

    path: str
    form: str
    field: str
    tool: str
    argument: str

    @property
    def expr(self) -> Expr:
        """All that was told in the form."""
        return {"told": self.path, "form": self.form}


def tellings(traces: Sequence[Trace], forms: Sequence[str], texts: Sequence[str]) -> Iterator[Telling]:
    """The forms with a field that calls were given, and another that is a number to reckon with."""
    for path in texts:
        for form in forms:
            if len(fields_of(form)) < 2 or ":d}" not in form:
                continue
            found: Counter[tuple[str, str, str]] = Counter()
            for trace in traces:
                found.update(_given(trace, path, form))
            several = any(_tells_several(trace, path, form) for trace in traces)
            given, count = min(found.items(), key=lambda pair: (-pair[1], pair[0]), default=(None, 0))
            if given is not None and count >= 2 and several:
                yield Telling(path, form, *given)


def _tells_several(trace: Trace, path: str, form: str) -> bool:
    """Whether one result tells two things in a form, between which there is a choice."""
    results = (trace.opening, *(event.result for event in trace.played))
    return any(sum(read_form(form, text) is not None for text in _rows(each, path)) > 1 for each in results)


def _given(trace: Trace, path: str, form: str) -> set[tuple[str, str, str]]:
    """Which field of what was told was given to which argument, in one session."""
    told: dict[Any, str] = {}
    given: set[tuple[str, str, str]] = set()
    for result in (trace.opening, *(event.result for event in trace.played)):
        for text in _rows(result, path):
            row = read_form(form, text) or {}
            told |= {value: name for name, value in row.items() if isinstance(value, str)}
    for event in trace.played:
        for name, value in event.arguments.items():
            if event.error is None and isinstance(value, str) and value in told:
                given.add((told[value], event.tool, name))
    return given
