"""Tables: the rows of a list that results show again and again, each as it was seen last.

Where results show a mapping, such as `{"P0": 2, "P1": 3}`, and the key of a `seen` expression is `@key`, each
of its entries is a row. Its key stands in the column `@key`, and what it maps to in `@value`, or if that is
an object, in the object's columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from practicum.skills.values import MISSING, Json, at_path

MOST_ROWS = 5_000
"""Rows that one table, or one list, has at most; further ones are not looked at."""
KEY, VALUE = "@key", "@value"
"""Columns of a mapping's entries."""

Identity = tuple[Any, ...]
"""What tells a row from others: its key, then the columns of its surroundings."""


@dataclass
class Table:
    """Rows as they were seen last, built on as more is seen."""

    rows: dict[Identity, dict[str, Json]] = field(default_factory=dict)
    changed: dict[Identity, int] = field(default_factory=dict)
    """Number of the call whose result last showed a row to be another than before."""
    contexts: dict[int, Identity] = field(default_factory=dict)
    """The surroundings in each call's result."""
    read: int = 0
    """Number of the first call that is not read yet."""

    def learn(self, number: int, result: Json, expr: Mapping[str, Any]) -> None:
        """Take in the rows that a result shows, and what it tells of known ones elsewhere."""
        shown_here = {name: at_path(result, path) for name, path in expr.get("with", {}).items()}
        context = {name: value for name, value in shown_here.items() if _is_scalar(value)}
        self.contexts[number] = _surroundings(context, expr)
        shown = at_path(result, expr["seen"])
        for row in _entries(shown) if expr["key"] == KEY else _objects(shown):
            if isinstance(row.get(expr["key"]), str | int):
                self._keep(number, {**row, **context}, expr)
        for update in expr.get("updates", ()):
            for part in _objects(at_path(result, update["at"])):
                key = part.get(update["key"])
                known = self.rows.get((key, *self.contexts[number])) if _is_scalar(key) else None
                if known is not None:
                    self._keep(number, {**known, **{k: v for k, v in part.items() if k in known}}, expr)

    def _keep(self, number: int, row: dict[str, Json], expr: Mapping[str, Any]) -> None:
        place = identity_of(row, expr)
        if self.rows.get(place) != row and (place in self.rows or len(self.rows) < MOST_ROWS):
            self.rows[place] = row
            self.changed[place] = number

    def context_at(self, number: int) -> Identity:
        """The surroundings as the result of a call shows them; where it was refused, as before it."""
        return next((self.contexts[n] for n in range(number, -1, -1) if n in self.contexts), ())


def identity_of(row: Mapping[str, Any], expr: Mapping[str, Any]) -> Identity:
    """What tells a row of a `seen` expression from the others."""
    return (row[expr["key"]], *_surroundings(row, expr))


def _surroundings(row: Mapping[str, Any], expr: Mapping[str, Any]) -> Identity:
    found = (row.get(name, MISSING) for name in expr.get("with", {}))
    return tuple(value if _is_scalar(value) else MISSING for value in found)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _objects(value: Json) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list | tuple):
        yield from (part for part in value[:MOST_ROWS] if isinstance(part, Mapping))


def _entries(value: Json) -> Iterator[Mapping[str, Any]]:
    """The entries of a mapping as rows."""
    if isinstance(value, Mapping):
        for key, part in islice(value.items(), MOST_ROWS):
            yield {**(part if isinstance(part, Mapping) else {VALUE: part}), KEY: key}
