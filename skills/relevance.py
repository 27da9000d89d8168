"""Relevance: which calls of a session mattered, so that what is mined of it has no detours.

The rules, in their order; all of them look at one session alone and hold for any environment.

1. A call that the schema refused, that failed on its way, or that a skill never made is dropped.
2. A look, or a refused call, that is made again with the same answer before anything changed is dropped.
3. A change that the environment's undoing tool takes back at once is dropped together with it: the world
   stands, free text aside, as some result before the change showed it, and the change had shown. What was
   changed before somebody was talked to is not taken back at once.
   A pair that is made again at once stays: it is a retry.
4. A look is kept if a kept call after it was given a value that the look was the first to show; if it shows
   rows of a table from which a later call took a value (all that was looked at before a choice matters to a
   rule such as "the cheapest"); if it looked at the thing that a later call changed; or, where the job was
   declined or somebody was talked to afterwards, in any case. A look that can change nothing must show rows
   that were not seen before.

Other refusals stay, as evidence for guards, and so does every change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from practicum.envs.wrappers import FAILED
from practicum.memory.rows import dump_text, load
from practicum.skills.roles import Role

REFUSED_BY_SCHEMA = "bad arguments: "
"""How the refusal of a call begins that does not fit its tool's schema."""
SHORTEST_TEXT = 2
SMALLEST_NUMBER = 10
"""Shorter texts and smaller numbers stand in too many results to tell where they came from."""
_PROSE = re.compile(r'"[^"\\ ]*+(?:\\.[^"\\ ]*+)*+ [^"\\]*+(?:\\.[^"\\]*+)*+",?')
"""A text with a space in it, in compact JSON, whose structure has no spaces."""


class Call(NamedTuple):
    """What relevance needs to know of a call."""

    turn: int
    tool: str
    arguments: Mapping[str, Any]
    text: str
    """The result as compact JSON."""
    error: str | None
    looks: bool
    """Whether it leaves the world as it is for mining."""
    read_only: bool
    """Whether it can change nothing at all, not even what is on show."""
    role: Role
    via_skill: str | None

    @property
    def changes(self) -> bool:
        """Whether the world may be another one after it."""
        return self.error is None and not self.looks


def relevant(calls: Sequence[Call], params: str, opening: str = "") -> list[Call]:
    """The calls of a session that mattered, in their order.

    Args:
        calls: all of them, in their order.
        params: the task's parameters as compact JSON; a value that stands there needs no look.
        opening: the first observation as compact JSON where it is at hand; what it shows needs no look
            either, and a change may lead back to it.
    """
    made = [call for call in calls if _was_made(call)]
    made = _without_undone(_without_repeats(made), opening)
    if all(not call.looks for call in made):
        return made
    return _Looks(made, f"{params} {opening}").kept()


def _was_made(call: Call) -> bool:
    if call.error is not None:
        return call.error != FAILED and not call.error.startswith(REFUSED_BY_SCHEMA)
    return call.tool != call.via_skill


def _without_repeats(calls: Sequence[Call]) -> list[Call]:
    kept: list[Call] = []
    for call in calls:
        if call.changes or not any(_same(call, before) for before in _since_a_change(kept, call)):
            kept.append(call)
    return kept


def _since_a_change(kept: Sequence[Call], call: Call) -> Iterator[Call]:
    """The calls before this one in which nothing changed for it; a search that shows another page counts."""
    for before in reversed(kept):
        if before.changes:
            return
        yield before
        if not (call.read_only or before.read_only or before.error is not None):
            return


def _same(one: Call, other: Call) -> bool:
    return (one.tool, one.error, one.text) == (other.tool, other.error, other.text) and (
        one.arguments == other.arguments
    )


# Undone changes ---------------------------------------------------------------------------------------


def _without_undone(calls: Sequence[Call], opening: str) -> list[Call]:
    if not any(call.role.undoes and call.changes for call in calls):
        return list(calls)
    kept: list[Call] = []
    for place, call in enumerate(calls):
        change = _undone_by(call, kept, opening)
        if change is None or _is_made_again(kept[change], call, calls[place + 1 :]):
            kept.append(call)
        else:
            del kept[change]
    return kept


def _undone_by(call: Call, kept: Sequence[Call], opening: str) -> int | None:
    """The place of the change that a call takes back; a turn lets nothing before it be taken back."""
    if not (call.role.undoes and call.changes):
        return None
    change = next((place for place in reversed(range(len(kept))) if kept[place].changes), None)
    if change is None or kept[change].role.talks:
        return None
    after = state(call.text)
    before = (earlier.text for earlier in kept[:change] if earlier.error is None)
    known = {state(text) for text in (opening, *before)}
    return change if after in known and state(kept[change].text) != after else None


def _is_made_again(change: Call, undoing: Call, rest: Sequence[Call]) -> bool:
    again = [call for call in rest if call.changes][:2]
    pair = [(call.tool, call.arguments) for call in (change, undoing)]
    return [(call.tool, call.arguments) for call in again] == pair


def state(text: str) -> str:
    """A result without its free text: equal states of a world give equal ones, whatever it says of them."""
    return _PROSE.sub("", text).replace(",]", "]")


# Looks ------------------------------------------------------------------------------------------------


class _Looks:
    """Decides about the looks of one session, from its end to its beginning: a look's use comes after it."""

    def __init__(self, calls: Sequence[Call], given: str) -> None:
        self._calls = calls
        self._given = given
        """What the agent knew before its first call."""
        self._tables: dict[int, frozenset[str]] = {}
        self._wanted: frozenset[str] = frozenset()
        """Tables from which a later call took a value."""
        self._sources: set[int] = set()
        """Places of the calls that were the first to show a later call's value."""
        self._changed: set[str] = set()
        """Texts that were given to later calls which changed something."""
        self._tells = False
        """Whether a later call declines the job, or tells somebody what was seen."""

    def kept(self) -> list[Call]:
        """The calls that mattered."""
        kept = []
        for place in reversed(range(len(self._calls))):
            call = self._calls[place]
            values = texts_in(call.arguments.values())
            if not call.looks or call.error is not None or self._mattered(place, values):
                kept.append(call)
                self._note_use(place, values)
        return kept[::-1]

    def _mattered(self, place: int, values: list[str]) -> bool:
        if place in self._sources or not self._changed.isdisjoint(values):
            return True
        call = self._calls[place]
        if call.read_only and not self._shows_news(place):
            return False
        told = self._tells and not call.role.thinks
        return told or not self._wanted.isdisjoint(self._tables_of(place))

    def _note_use(self, place: int, values: list[str]) -> None:
        call = self._calls[place]
        if call.changes:
            self._tells = self._tells or call.role.declines or call.role.talks
            self._changed.update(value for value in values if not value.isdigit())
        for value in values:
            source = None if occurs(value, self._given) else self._source(value, place)
            if source is not None:
                self._sources.add(source)
                self._wanted |= self._tables_of(source)

    def _source(self, value: str, before: int) -> int | None:
        """The first call that showed a value."""
        for place in range(before):
            if occurs(value, self._calls[place].text):
                return place
        return None

    def _tables_of(self, place: int) -> frozenset[str]:
        if place not in self._tables:
            self._tables[place] = tables(self._calls[place].text)
        return self._tables[place]

    def _shows_news(self, place: int) -> bool:
        """Whether a result has rows that no result before it had; one without rows is news in itself."""
        own = self._tables_of(place)
        shown = rows(self._calls[place].text)
        for earlier in range(place):
            if shown and not own.isdisjoint(self._tables_of(earlier)):
                shown -= rows(self._calls[earlier].text)
        return bool(shown) or not own


def tables(text: str) -> frozenset[str]:
    """The names under which a result has objects in lists; the empty name for a list that has none."""
    found = set()
    start = text.find("[{")
    while start >= 0:
        end = start - 2
        is_member = text[end:start] == '":'
        found.add(text[text.rfind('"', 0, end) + 1 : end] if is_member else "")
        start = text.find("[{", start + 2)
    return frozenset(found)


def rows(text: str) -> set[str]:
    """The objects in lists of a result, each as JSON; none where it is no whole JSON."""
    try:
        return {dump_text(row) for row in _rows_in(load(text))}
    except ValueError:
        return set()


def _rows_in(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _rows_in(part)
    elif isinstance(value, list):
        for part in value:
            if isinstance(part, dict):
                yield part
            yield from _rows_in(part)


def occurs(value: str, text: str) -> bool:
    """Whether a value stands in a text as a word of its own."""
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        around = text[start - 1 : start] + text[end : end + 1]
        if "_" not in around and not any(map(str.isalnum, around)):
            return True
        start = text.find(value, start + 1)
    return False


def is_news(value: Any, before: str) -> bool:
    """Whether a value, or one within it, does not stand in the text of all that came before."""
    return any(not occurs(text, before) for text in texts_in([value]))


def texts_in(arguments: Iterable[Any]) -> list[str]:
    """The texts and numbers among arguments that can be told apart, as they stand in JSON, without quotes."""
    found: list[str] = []
    for value in arguments:
        if isinstance(value, str):
            if len(value) >= SHORTEST_TEXT:
                found.append(value if value.isalnum() else dump_text(value)[1:-1])
        elif isinstance(value, list):
            found += texts_in(value)
        elif isinstance(value, Mapping):
            found += texts_in(value.values())
        elif value is not None and abs(value) >= SMALLEST_NUMBER:
            found.append(dump_text(value))
    return found
