"""Known: what a program knows in a session: the task, what was seen so far, what it has bound."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from practicum.skills.forms import read_form
from practicum.skills.tables import MOST_ROWS, Table
from practicum.skills.values import MISSING, Json, at_path, same


@dataclass(frozen=True, slots=True)
class Seen:
    """A call and what came of it."""

    made_by: str
    """Id of the statement that made it; empty where an agent did."""
    tool: str
    arguments: Mapping[str, Any]
    result: Json
    error: str | None


class TooMuch(Exception):  # noqa: N818  # named for what ends the run
    """A program has looked at more than it may."""


Notice = Callable[[Mapping[str, Any], bool | None], None]
"""Takes a predicate, guard or case of a program and which way it went; None where that cannot be told."""


@dataclass
class Known:
    """What is known in a session."""

    params: Mapping[str, Any]
    """The program's arguments over the task's parameters."""
    opening: Json = None
    seen: list[Seen] = field(default_factory=list)
    rows: dict[str, Json] = field(default_factory=dict)
    """What the selections bound, by their id; None where there was no row."""
    notice: Notice | None = field(default=None, repr=False)
    """Told of every predicate, guard and case that is met, and which way it went."""
    left: float = float("inf")
    """How many more expressions and rows may be looked at."""
    _tables: dict[str, Table] = field(default_factory=dict, repr=False)
    _told: dict[tuple[str, str], tuple[int, dict[Any, Any]]] = field(default_factory=dict, repr=False)

    def charge(self, count: int) -> None:
        """Count what is looked at.

        Raises:
            TooMuch: no more may be.
        """
        self.left -= count
        if self.left < 0:
            raise TooMuch

    def learn(self, seen: Seen) -> None:
        """Take in a call and what came of it."""
        self.seen.append(seen)

    def numbered_results(self, start: int = 0) -> Iterator[tuple[int, Json]]:
        """What was shown, each with the number of its call, from number `start` on.

        The opening has number 0; refusals show nothing.
        """
        if start == 0:
            yield 0, self.opening
        for number, seen in enumerate(self.seen[max(0, start - 1) :], max(1, start)):
            if seen.error is None:
                yield number, seen.result

    @property
    def last(self) -> Json:
        """The last result that was no refusal."""
        return next((seen.result for seen in reversed(self.seen) if seen.error is None), self.opening)

    @property
    def after(self) -> str:
        """Id of the statement that made the last call; empty where an agent did.

        What an agent was refused changed nothing, and does not count.
        """
        return next((seen.made_by for seen in reversed(self.seen) if seen.made_by or seen.error is None), "")

    def result_of(self, name: str) -> Json:
        """The result of a statement's last call; of `open` and `last` too."""
        if name == "last":
            return self.last
        if name == "open":
            return self.opening
        found = (s.result for s in reversed(self.seen) if s.made_by == name and s.error is None)
        return next(found, MISSING)

    def is_refused(self, name: str) -> bool:
        """Whether a statement's last call was refused."""
        return next((s.error is not None for s in reversed(self.seen) if s.made_by == name), False)

    def table(self, expr: Mapping[str, Any]) -> Table:
        """The rows of a `seen` expression, as each was seen last."""
        name = json.dumps(expr, sort_keys=True, default=str)
        table = self._tables.setdefault(name, Table())
        for number, result in self.numbered_results(table.read):
            table.learn(number, result, expr)
        table.read = len(self.seen) + 1
        self.charge(len(table.rows))
        return table

    def told(self, path: str, form: str) -> list[dict[str, Json]]:
        """What the texts at a path told in a form, each thing once, in the order of the telling."""
        start, found = self._told.get((path, form), (0, {}))
        for _, result in self.numbered_results(start):
            texts = at_path(result, path)
            for text in texts[:MOST_ROWS] if isinstance(texts, list | tuple) else [texts]:
                row = read_form(form, text)
                self.charge(1)
                if row is not None and len(found) < MOST_ROWS:
                    found.setdefault(tuple(row.values()), row)
        self._told[path, form] = (len(self.seen) + 1, found)
        self.charge(len(found))
        return list(found.values())

    def calls_with(self, tool: str, value: Json) -> Iterator[int]:
        """The numbers of a tool's calls that had a value among their arguments."""
        self.charge(len(self.seen))
        for number, seen in enumerate(self.seen, 1):
            if seen.tool == tool and any(same(each, value) for each in seen.arguments.values()):
                yield number
