"""Rows: which of those that a program has seen a selection may take, and which it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from practicum.skills.expressions import evaluate
from practicum.skills.forms import fields_of
from practicum.skills.known import Known
from practicum.skills.predicates import holds
from practicum.skills.tables import MOST_ROWS, identity_of
from practicum.skills.values import MISSING, Json, same

MOST_JOINED = 50
"""Rows that are joined to one."""


def candidates(stmt: Mapping[str, Any], known: Known) -> list[Json]:
    """The rows that a selection chooses from, joined and filtered, in their order."""
    rows = _rows(stmt, known)
    if "distinct" in stmt:
        rows = list(_unspent(stmt, rows, known))
    joined = [pair for row in rows for pair in _joined(row, stmt.get("join"), known)]
    return [row for row in joined if _all_hold(stmt.get("where", ()), known, row)]


def _unspent(stmt: Mapping[str, Any], rows: Sequence[Json], known: Known) -> Iterator[Json]:
    """The rows that a tool was not called with before, and those of which more is known since.

    A row that is held, because the call took effect, is not spent.
    """
    tool, source = stmt["distinct"]["tool"], stmt["from"]
    held = evaluate(stmt["distinct"]["held"], known) if "held" in stmt["distinct"] else MISSING
    if "key" not in source:
        yield from (row for row in rows if same(held, row) or not list(known.calls_with(tool, row)))
        return
    table = known.table(source)
    for row in rows:
        calls, place = list(known.calls_with(tool, row[source["key"]])), identity_of(row, source)
        here = [number for number in calls if table.context_at(number) == place[1:]]
        is_held = bool(here) and here[-1] == calls[-1] and same(held, row[source["key"]])
        if is_held or not here or table.changed.get(place, 0) > here[-1]:
            yield row


def untold(stmt: Mapping[str, Any], known: Known) -> Any | None:
    """The first rule of a selection that can be told of none of the rows there are; None where each can.

    A column that has another name since, or a limit that no task tells, is not the same as no row that fits.
    """
    joined = [pair for row in _rows(stmt, known) for pair in _joined(row, stmt.get("join"), known)]
    rules = stmt.get("where", ()) if joined else ()
    return next((rule for rule in rules if all(holds(rule, known, row) is None for row in joined)), None)


def _rows(stmt: Mapping[str, Any], known: Known) -> list[Json]:
    rows = evaluate(stmt["from"], known)
    return list(rows[:MOST_ROWS]) if _is_list(rows) else []


def _is_list(value: Json) -> bool:
    return isinstance(value, list | tuple)


def _joined(row: Json, join: Any, known: Known) -> Iterator[Json]:
    """A row with each of the rows that fit it, their columns behind `with.`, and first by itself."""
    if join is None:
        yield row
        return
    found = evaluate(join["from"], known)
    others = [other for other in found[:MOST_JOINED] if isinstance(other, Mapping)] if _is_list(found) else []
    told = fields_of(join["from"]["form"]) if "told" in join["from"] else ()
    names = sorted({*told, *(name for other in others for name in other)})
    if not isinstance(row, Mapping):
        return
    known.charge(len(others) * len(row))
    yield {**row, **{f"with.{name}": None for name in names}}
    for other in others:
        pair = {**row, **{f"with.{name}": value for name, value in other.items()}}
        if _all_hold(join["where"], known, pair):
            yield pair


def _all_hold(preds: Sequence[Any], known: Known, row: Json) -> bool:
    return all(holds(pred, known, row) is True for pred in preds)


def chosen(stmt: Mapping[str, Any], known: Known, rows: Sequence[Json]) -> Json | None:
    """The row of the candidates that a selection takes; None where there is none."""
    if not rows:
        return None
    by = stmt.get("by", "first")
    if not isinstance(by, Mapping):
        return rows[0]
    (way, expr), *_ = by.items()
    sign = 1 if way == "min" else -1
    valued = [(evaluate(expr, known, row), row) for row in rows]
    numbers = [(value, row) for value, row in valued if isinstance(value, int | float) and value == value]
    if numbers:
        return min(numbers, key=lambda pair: sign * pair[0])[1]
    texts = [(value, row) for value, row in valued if isinstance(value, str)]
    if not texts:
        return None
    best = (min if sign == 1 else max)(value for value, _ in texts)
    return next(row for value, row in texts if value == best)
