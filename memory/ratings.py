"""Ratings: what people say of steps, from 1 to 5; a later word of the same person counts for the earlier."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from practicum.envs.errors import whole
from practicum.memory.log import Log
from practicum.memory.store import Store

WORST, BEST = 1, 5


@dataclass(frozen=True, slots=True)
class Rating:
    """What a person says of a step."""

    session: str
    turn: int
    rater: str
    rating: int
    """From 1, a bad step, to 5, as good as could be."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class MeanRating:
    """What people say of a step together."""

    turn: int
    rating: float
    people: int
    number: int
    """Of the rating that came last; another one gives another number."""


@dataclass(frozen=True, slots=True)
class JudgedRating:
    """A step that both people and a judge have seen."""

    session: str
    turn: int
    rating: float
    """The mean over people."""
    judged: float
    """The mean of the judge's scores, from 0 to 1."""


class Ratings:
    """The ratings of a log.

    Args:
        store: the file.
        clock: seconds since 1970.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def add(self, rating: Rating) -> None:
        """Keep a rating.

        Raises:
            LogUnavailable: it could not be written.
        """
        note = None if rating.note is None else whole(rating.note)
        row = (rating.session, rating.turn, whole(rating.rater), rating.rating, self._clock(), note)
        with Log(self._store).writing() as connection:
            connection.execute(_INSERT, row)

    def of(self, session: str) -> list[Rating]:
        """Those of a session that count, by turn."""
        return [Rating(**row) for row in self._store.read(_READ, (session,))]

    def means(self, session: str) -> list[MeanRating]:
        """What people say of the steps of a session together, by turn."""
        return [MeanRating(**row) for row in self._store.read(_MEANS, (session,))]

    def judged(self, version: str) -> Iterator[JudgedRating]:
        """Steps that people have rated and a judge of that version has scored, by session and turn."""
        return (JudgedRating(**row) for row in self._store.read(_JUDGED, {"version": version}))

    def judges(self) -> list[str]:
        """The versions of judges that have scored what people have rated; the one of most steps first."""
        return [row["version"] for row in self._store.read(_JUDGES)]


_INSERT = "INSERT INTO ratings (session, turn, rater, rating, time, note) VALUES (?, ?, ?, ?, ?, ?)"
_NEWEST = (
    "number = (SELECT max(number) FROM ratings WHERE (session, turn, rater) = (r.session, r.turn, r.rater))"
)
_READ = f"""
SELECT session, turn, rater, rating, note FROM ratings AS r
WHERE session = ? AND {_NEWEST} ORDER BY turn, number
"""  # noqa: S608  # of ours
_MEANS = f"""
SELECT turn, avg(rating) AS rating, count(*) AS people, max(number) AS number FROM ratings AS r
WHERE session = ? AND {_NEWEST} GROUP BY turn ORDER BY turn
"""  # noqa: S608  # of ours
_JUDGED = f"""
SELECT r.session, r.turn, r.rating, avg(scores.score) AS judged
FROM (
    SELECT session, turn, avg(rating) AS rating FROM ratings AS r WHERE {_NEWEST} GROUP BY session, turn
) AS r
JOIN step_scores AS scores ON (scores.session, scores.turn) = (r.session, r.turn)
    AND scores.layer = 'judge' AND scores.version = :version
GROUP BY r.session, r.turn ORDER BY r.session, r.turn
"""  # noqa: S608  # of ours
_JUDGES = """
SELECT version FROM step_scores
WHERE layer = 'judge' AND EXISTS (SELECT 1 FROM ratings AS r
    WHERE (r.session, r.turn) = (step_scores.session, step_scores.turn))
GROUP BY version ORDER BY count(*) DESC, version
"""
