"""Candidates: sessions that did the same job, counted in all and sampled for mining.

Sessions belong together when the sort of task and the goal are the same; those that declined a task of that
sort are shown beside them. How a session went, its loops rolled up, is its variant. All is counted over the
digests alone, a few numbers a session are kept, and what is drawn does not depend on the order in which the
sessions lie in the log.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practicum.memory import Store
from practicum.memory.digests import Digested, Digests
from practicum.skills.digests import VERSION, Outline, read_outline

SAMPLE = 150
"""Sessions that mining reads of a candidate, and at most so many of each other sort."""
VARIANTS = 100
"""Variants that a candidate names, the most frequent ones."""
LONGEST_LOOP = 8
"""Calls in one round of a loop that is rolled up."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Variant:
    """A way in which sessions went."""

    calls: tuple[str, ...]
    """As in `Outline.calls`, refusals left out, each loop as one round."""
    sessions: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """Sessions that may have done one job in one way that can be learned."""

    env: str
    """Short name of the environment."""
    env_version: int
    found_by: str
    """The name to `find()` the environment by, as its newest session has it."""
    shape: str
    """What sort of task it was, see `Roles.shape`."""
    goal: str
    """The environment's word for what was achieved, or the tool that achieved it."""
    tools: frozenset[str]
    """The tools that changed something in more than half of the successful sessions."""
    successes: int
    """Sessions that came to the right end by hand, those that declined rightly left out."""
    declines: int
    """Sessions that rightly declined a task of this sort."""
    failures: int
    """Sessions of such tasks that came to a wrong end by hand."""
    by_skill: int
    """Sessions that a skill brought to their end; they are no evidence for how to do the job."""
    tasks: int
    """Different tasks among the successes."""
    variants: tuple[Variant, ...]
    """Of the successes, the most frequent first."""
    sample: tuple[str, ...]
    """Ids of successes, and of declines where tasks of this sort have no other goal: every variant in
    proportion to the root of its size, of different tasks before others, the newest as often as any."""
    failed: tuple[str, ...]
    """Ids of failures, drawn in the same way."""
    finished: tuple[str, ...]
    """Ids of successes that a skill began and the agent brought to their end by hand."""


def candidates(
    store: Store, *, principal: str | None = None, env: str | None = None, most: int = SAMPLE
) -> list[Candidate]:
    """The candidates among the sessions that have a digest, those with the most successes first.

    Args:
        store: the file.
        principal: whose sessions; None for anybody's.
        env: the short name of an environment; None for any.
        most: sessions of each sort that are drawn for a candidate.
    """
    digests = Digests(store, VERSION)
    table = _Table(digests.read(principal, env))
    found = (_candidate(table, digests, job, most) for job in table.jobs())
    return [candidate for candidate in found if candidate is not None]


@lru_cache(maxsize=2048)
def _keys(body: str) -> tuple[Outline, int, int]:
    """The outline of a digest, the number of its variant, and of which kind the session is."""
    outline = read_outline(body)
    calls = variant_of(outline.calls)
    return outline, number_of(calls), _kind(outline)


def variant_of(calls: Iterable[str]) -> tuple[str, ...]:
    """Calls without refusals, each loop rolled up into one round, inner loops first."""
    rolled: list[str] = []
    for call in calls:
        if not call.endswith("!"):
            rolled.append(call)
            while length := _loop_at_the_end(rolled):
                del rolled[-length:]
    return tuple(rolled)


def _loop_at_the_end(calls: Sequence[str]) -> int:
    """The length of a round that the calls end with twice; 0 where there is none."""
    for length in range(1, min(LONGEST_LOOP, len(calls) // 2) + 1):
        if calls[-length:] == calls[-2 * length : -length]:
            return length
    return 0


def number_of(value: Any) -> int:
    """A 63-bit number of a value; the same in every process, different for different values."""
    digest = hashlib.blake2b(repr(value).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


BY_HAND, BY_SKILL, FINISHED, DECLINED = range(4)


def _kind(outline: Outline) -> int:
    if outline.by_skill:
        return BY_SKILL
    if outline.goal is None:
        return DECLINED
    return FINISHED if any(call.startswith("*") for call in outline.calls) else BY_HAND


class _Table:
    """A few numbers of every session, in columns."""

    def __init__(self, sessions: Iterable[Digested]) -> None:
        columns = [array("q") for _ in range(8)]
        times = array("d")
        for session in sessions:
            outline, variant, kind = _keys(session.body)
            sort = _sort(session.env, session.env_version, outline.shape)
            job = _job(sort, outline.goal)
            places = (session.number, number_of(session.session), sort, job)
            row = (*places, kind, variant, int(session.task[:15], 16), session.success)
            for column, value in zip(columns, row, strict=True):
                column.append(value)
            times.append(session.started_at)
        found = [np.array(column, dtype=np.int64) for column in columns]
        self.number, self.order, self.sort, self.job, self.kind, self.variant, self.task, self.success = found
        self.time = np.array(times, dtype=np.float64)

    def jobs(self) -> list[int]:
        """The numbers of the jobs in which somebody succeeded by hand, the most frequent first."""
        done = (self.success == 1) & np.isin(self.kind, (BY_HAND, FINISHED))
        jobs, counts = np.unique(self.job[done], return_counts=True)
        return [int(jobs[place]) for place in np.lexsort((jobs, -counts))]


@lru_cache(maxsize=1024)
def _sort(env: str, version: int, shape: str) -> int:
    return number_of((env, version, shape))


@lru_cache(maxsize=1024)
def _job(sort: int, goal: str | None) -> int:
    return number_of((sort, goal))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where the sessions of a job stand in a table."""

    successes: Numbers
    declines: Numbers
    failures: Numbers
    by_skill: Numbers
    learned_from: Numbers

    @classmethod
    def of(cls, table: _Table, job: int) -> _Rows:
        of_job = table.job == job
        of_sort = table.sort == table.sort[of_job][0]
        right, by_hand = table.success == 1, np.isin(table.kind, (BY_HAND, FINISHED))
        given_up = of_sort & (table.kind == DECLINED)
        successes, declines = np.flatnonzero(of_job & by_hand & right), np.flatnonzero(given_up & right)
        has_one_goal = len(np.unique(table.job[of_sort & by_hand & right])) == 1
        return cls(
            successes=successes,
            declines=declines,
            failures=np.flatnonzero((of_job & by_hand | given_up) & ~right),
            by_skill=np.flatnonzero(of_job & (table.kind == BY_SKILL)),
            learned_from=np.concatenate((successes, declines)) if has_one_goal else successes,
        )


def _candidate(table: _Table, digests: Digests, job: int, most: int) -> Candidate | None:
    """The candidate of a job; None where its newest session has been forgotten meanwhile."""
    rows = _Rows.of(table, job)
    successes = rows.successes
    by_age = np.lexsort((table.order[successes], -table.time[successes]))
    newest = next(iter(digests.at(table.number[successes[by_age[:1]]])), None)
    if newest is None:
        return None
    outline = read_outline(newest.body)
    variants = _variants(table, digests, successes)

    def drawn(some: Numbers) -> tuple[str, ...]:
        chosen = digests.at(table.number[draw(table, some, most)])
        return tuple(session.session for session in chosen)

    return Candidate(
        env=newest.env,
        env_version=newest.env_version,
        found_by=newest.found_by,
        shape=outline.shape,
        goal=outline.goal or "",
        tools=_usual_changes(variants),
        successes=len(successes),
        declines=len(rows.declines),
        failures=len(rows.failures),
        by_skill=len(rows.by_skill),
        tasks=len(np.unique(table.task[successes])),
        variants=variants,
        sample=drawn(rows.learned_from),
        failed=drawn(rows.failures),
        finished=drawn(successes[table.kind[successes] == FINISHED]),
    )


def _variants(table: _Table, digests: Digests, rows: Numbers) -> tuple[Variant, ...]:
    found, first, counts = np.unique(table.variant[rows], return_index=True, return_counts=True)
    frequent = np.lexsort((found, -counts))[:VARIANTS]
    sizes = {int(table.number[rows[first[place]]]): int(counts[place]) for place in frequent}
    return tuple(
        Variant(variant_of(read_outline(example.body).calls), sizes[example.number])
        for example in digests.at(sizes)
    )


def _usual_changes(variants: Sequence[Variant]) -> frozenset[str]:
    counts: Counter[str] = Counter()
    for variant in variants:
        for tool in {call.lstrip("*") for call in variant.calls if not call.endswith("?")}:
            counts[tool] += variant.sessions
    half = sum(variant.sessions for variant in variants) / 2
    return frozenset(tool for tool, count in counts.items() if count > half)


def draw(table: _Table, rows: Numbers, most: int) -> Numbers:
    """Draw sessions: every variant in proportion to the root of its size.

    Within a variant different tasks come before others of the same task, and of those in turn the newest and
    any. What is drawn depends on the sessions alone, not on their places.

    Args:
        table: of all sessions.
        rows: the places of those to draw from.
        most: how many are drawn, where there are so many.
    """
    order, newest, variant = table.order[rows], -table.time[rows], table.variant[rows]
    again = _rank(variant ^ table.task[rows], newest, order)
    by_time = _rank(variant, again, newest, order)
    by_chance = _rank(variant, again, order)
    turn = _rank(variant, np.minimum(2 * by_time, 2 * by_chance + 1), order)
    _, places, sizes = np.unique(variant, return_inverse=True, return_counts=True)
    share = (turn + 1) / np.sqrt(sizes[places])
    return rows[np.lexsort((order, share))[:most]]


def _rank(group: Numbers, *by: NDArray[Any]) -> Numbers:
    """The place of each row in its group, from 0, sorted by the first of `by`, ties by the next."""
    sorted_rows = np.lexsort((*reversed(by), group))
    groups = group[sorted_rows]
    begins = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
    sizes = np.diff(np.append(begins, len(groups)))
    rank = np.empty(len(group), dtype=np.int64)
    rank[sorted_rows] = np.arange(len(group)) - np.repeat(begins, sizes)
    return rank
