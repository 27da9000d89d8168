"""Segments: stretches of calls that many sessions share, whatever else they did.

Found by greedy compression over a sample of sessions: the stretch that would save most is taken, its
occurrences become one call, and the search goes on. A stretch saves what its calls cost beyond the one that
takes their place, and costs what showing one more tool to every session does:
`support * (length - 1) * CALL_TOKENS - sessions * SCHEMA_TOKENS`.

Where an agent talks with somebody, what it says and when is its own: no segment goes across a turn. What it
needs between two turns it looks for when it knows what was said, so only the sessions that have a segment pay
for it, and what was refused on the way is no part of it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from practicum.memory import Store
from practicum.memory.digests import Digested, Digests
from practicum.skills.candidates import number_of
from practicum.skills.digests import VERSION, Outline, read_outline

SESSIONS = 10_000
"""Sessions that are looked at, of more a fixed sample."""
MOST = 16
"""Segments that are proposed for an environment."""
LONGEST = 12
"""Calls in a segment; repetitions of one call count once."""
LEAST_SUPPORT = 5
"""Sessions that must have a segment."""
OCCURRENCES = 300
"""Occurrences that are named of a segment."""
CALL_TOKENS = 250
"""What a call costs: about as much text as its arguments and its result have."""
SCHEMA_TOKENS = 200
"""What a listed tool costs a session."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where a segment stands in a session."""

    session: str
    first_turn: int
    last_turn: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of calls that many sessions share."""

    env: str
    """Short name of the environment."""
    calls: tuple[str, ...]
    """As in `Outline.calls`; a call that is made again at once stands here once."""
    support: int
    """Sessions of the sample that have it."""
    utility: int
    """Tokens that a tool for it would have saved the sample."""
    occurrences: tuple[Occurrence, ...]
    """At most one of a session, those of the sample first that an order of chance puts first."""


def segments(
    store: Store, env: str, *, principal: str | None = None, turns: Collection[str] = ()
) -> list[Segment]:
    """The segments of the successful sessions that have a digest, in the order in which they were taken.

    Args:
        store: the file.
        env: the short name of an environment.
        principal: whose sessions; None for anybody's.
        turns: the tools by which agents talk with somebody there.
    """
    sessions = _sample(Digests(store, VERSION).read(principal, env), frozenset(turns))
    shown = None if turns else len(sessions)
    taken = _compressed(Counter(session.calls for session in sessions), shown)
    return [_segment(env, calls, utility, sessions) for calls, utility in taken]


@dataclass(frozen=True, slots=True)
class _Session:
    """A session's calls, one that was made again at once standing there once."""

    id: str
    calls: tuple[str, ...]
    turns: tuple[tuple[int, int], ...]
    """First and last turn of each call."""


BREAK = ""
"""Stands for a call of a skill's, or a turn: no segment goes across it."""


def _sample(digested: Iterable[Digested], turns: frozenset[str]) -> list[_Session]:
    """Successful sessions, at most `SESSIONS`, in an order of chance that is always the same."""
    kept: list[tuple[int, str, str]] = []
    for session in digested:
        if session.success:
            row = (-number_of(session.session), session.session, session.body)
            if len(kept) < SESSIONS:
                heapq.heappush(kept, row)
            else:
                heapq.heappushpop(kept, row)
    in_order = sorted(kept, reverse=True)
    return [_rolled_up(session_id, read_outline(body), turns) for _, session_id, body in in_order]


def _rolled_up(session_id: str, outline: Outline, breaks: frozenset[str]) -> _Session:
    calls: list[str] = []
    turns: list[tuple[int, int]] = []
    for name, turn in zip(outline.calls, outline.turns, strict=True):
        if breaks and name.endswith("!"):
            continue
        call = BREAK if name.startswith("*") or name in breaks else name
        if calls and calls[-1] == call:
            turns[-1] = (turns[-1][0], turn)
        else:
            calls.append(call)
            turns.append((turn, turn))
    return _Session(session_id, tuple(calls), tuple(turns))


# Compression ------------------------------------------------------------------------------------------

Calls = tuple[str, ...]


def _compressed(ways: Counter[Calls], shown: int | None) -> list[tuple[Calls, int]]:
    """What is taken, with its utility.

    Args:
        ways: how many sessions went which way.
        shown: how many sessions every tool is shown to; None for those alone that have its stretch.
    """
    taken: dict[str, Calls] = {}
    found: list[tuple[Calls, int]] = []
    while len(found) < MOST:
        stretch, utility = _best(ways, shown)
        if utility <= 0:
            break
        name = f"#{len(found)}"
        taken[name] = tuple(call for part in stretch for call in taken.get(part, (part,)))
        found.append((taken[name], utility))
        ways = _with_one_call(ways, stretch, name)
    return found


def _best(ways: Mapping[Calls, int], shown: int | None) -> tuple[Calls, int]:
    best: tuple[int, Calls] = (0, ())
    for stretch, support in _frequent(ways):
        readers = support if shown is None else shown
        utility = support * (len(stretch) - 1) * CALL_TOKENS - readers * SCHEMA_TOKENS
        best = max(best, (utility, stretch))
    return best[1], best[0]


def _frequent(ways: Mapping[Calls, int]) -> Iterator[tuple[Calls, int]]:
    """Stretches that enough sessions have, with how many; one is frequent only if its parts are."""
    shorter: set[Calls] | None = None
    for length in range(2, LONGEST + 1):
        support: Counter[Calls] = Counter()
        for calls, sessions in ways.items():
            for stretch in _stretches(calls, length, shorter):
                support[stretch] += sessions
        shorter = {stretch for stretch, count in support.items() if count >= LEAST_SUPPORT}
        yield from ((stretch, support[stretch]) for stretch in shorter)
        if not shorter:
            return


def _stretches(calls: Calls, length: int, shorter: set[Calls] | None) -> set[Calls]:
    every = {calls[start : start + length] for start in range(len(calls) - length + 1)}
    if shorter is None:
        return {stretch for stretch in every if BREAK not in stretch}
    return {stretch for stretch in every if stretch[:-1] in shorter and stretch[1:] in shorter}


def _with_one_call(ways: Mapping[Calls, int], stretch: Calls, name: str) -> Counter[Calls]:
    """The ways with a new call in place of a stretch, from the left."""
    replaced: Counter[Calls] = Counter()
    for calls, sessions in ways.items():
        rest, made = calls, list[str]()
        while (place := _find(stretch, rest)) is not None:
            made += (*rest[:place], name)
            rest = rest[place + len(stretch) :]
        replaced[(*made, *rest)] += sessions
    return replaced


def _find(stretch: Calls, calls: Calls) -> int | None:
    starts = range(len(calls) - len(stretch) + 1)
    return next((start for start in starts if calls[start : start + len(stretch)] == stretch), None)


def _segment(env: str, calls: Calls, utility: int, sessions: Sequence[_Session]) -> Segment:
    found = []
    for session in sessions:
        place = _find(calls, session.calls)
        if place is not None:
            first, last = session.turns[place], session.turns[place + len(calls) - 1]
            found.append(Occurrence(session.id, first[0], last[1]))
    return Segment(env, calls, len(found), utility, tuple(found[:OCCURRENCES]))
