"""Selection: the rows that a query asks for, from the log, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from practicum.memory.ended import EndedSessions, Path
from practicum.memory.played import last_end
from practicum.memory.store import Store
from practicum.training.datasets.query import Query
from practicum.training.datasets.ranking import PathScore, best
from practicum.training.datasets.reading import FindScores, RowReader
from practicum.training.datasets.row import Row
from practicum.training.datasets.seen import Seen


class Selection:
    """What a query asks for.

    Args:
        store: the file.
        query: what is asked for; without `up_to` it is pinned to what has ended by now.
        scores: gives the process rewards of sessions; None for rows without.
    """

    def __init__(self, store: Store, query: Query, scores: FindScores | None = None) -> None:
        self._store = store
        self.query = query.pinned(last_end(store))
        self.seen = Seen()
        self.read = 0
        """Sessions that were read."""
        self.sessions = EndedSessions(store, self.query.which)
        self.reader = RowReader(store, system=self.query.system, scores=scores)
        self._score = _mean_of(scores)

    def rows(self) -> Iterator[Row]:
        """One row a session that made a call, in the order in which they ended, or the best first."""
        return islice(self._new(), self.query.limit)

    def by_task(self) -> Iterator[list[Row]]:
        """The rows of each task that has several sessions, task by task."""
        for group in self.sessions.by_task():
            self.read += len(group)
            yield [self.reader.row(ended) for ended in group if ended.calls]

    def named(self, *ids: str) -> dict[str, Row]:
        """The rows of some sessions, by their ids; one that the query does not mean is left out."""
        which = replace(self.query.which, sessions=ids)
        found = list(EndedSessions(self._store, which).read())
        self.read += len(found)
        return {ended.session.id: self.reader.row(ended) for ended in found if ended.calls}

    def _new(self) -> Iterator[Row]:
        for row in self._all():
            self.read += 1
            if row.calls and (self.query.repeats or self.seen.is_new(row.hash)):
                yield row

    def _all(self) -> Iterator[Row]:
        if self.query.best is None:
            yield from map(self.reader.row, self.sessions.read())
            return
        ranked = best(self.sessions, self.query.best, self._score)
        found = self.sessions.at([number for number, _ in ranked])
        qualities = dict(ranked)
        for ended in found:
            yield replace(self.reader.row(ended), quality=qualities[ended.session.number])


def rows(store: Store, query: Query | None = None, scores: FindScores | None = None) -> Iterator[Row]:
    """The rows of a log; nothing is kept of one when the next is made, but its hash.

    Args:
        store: the file.
        query: which sessions, and how they are shown; all of the train split where None.
        scores: gives the process rewards of sessions; None for rows without.
    """
    return Selection(store, query or Query(), scores).rows()


def _mean_of(scores: FindScores | None) -> PathScore:
    def mean(path: Path) -> float | None:
        known = list(scores(path).values()) if scores is not None else []
        return sum(known) / len(known) if known else None

    return mean
