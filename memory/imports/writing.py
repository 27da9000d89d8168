"""Writing: the traces of a file as sessions of the log, many in one transaction, each once."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain, islice
from typing import Any, TextIO

from practicum.envs.episodes import Step
from practicum.envs.errors import UsageError, whole
from practicum.envs.registry import EnvClass, find, lasting_name
from practicum.memory.batches import EPISODE_OVER, insert_whole
from practicum.memory.imports.protocol import Importer, importer_of
from practicum.memory.imports.reading import Record, records
from practicum.memory.imports.traces import Trace, Unreadable
from practicum.memory.imports.worlds import Elsewhere, Imported, as_recorded, in_retail, verdict
from practicum.memory.log import Log
from practicum.memory.starts import SessionStart
from practicum.memory.store import Store

TOGETHER = 64
"""Sessions that are written in one transaction."""
PLAYED = "retail"
"""The environment in which foreign traces can be played."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """What sessions an import makes of traces."""

    env: EnvClass | None = None
    """Their environment; None for one that is not here, named after the format."""
    found_by: str | None = None
    """The name that any process finds it by."""
    data: str = ""
    """Folder of the records of a retail world; empty for ours."""
    principal: str = "local"
    """Whose they become."""
    right: bool = False
    """Whether those whose source does not say how they came out came to the right end."""


def destination(
    env: str | None, data: str = "", *, principal: str = "local", right: bool = False
) -> Destination:
    """What the sessions of an import are to be.

    Raises:
        UsageError: there is no such environment, or a folder is given for one that takes none.
    """
    if env is None:
        found, found_by = None, None
    else:
        found, found_by = find(env), lasting_name(env)
    if data and (found is None or found.name != PLAYED):
        raise UsageError(f"--data is the folder of a shop's records, for --env {PLAYED}")
    return Destination(env=found, found_by=found_by, data=data, principal=principal, right=right)


@dataclass
class Tally:
    """What has become of the records of a file so far."""

    imported: Counter[str] = field(default_factory=Counter)
    """Sessions by their environment."""
    here: Counter[str] = field(default_factory=Counter)
    """Sessions that were in the log already, by the environment that they are in."""
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Traces that are not of the environment that was asked for, by the reason."""
    unreadable: int = 0
    """Records that are not what they should be."""
    agreeing: int = 0
    """Imported sessions that replay."""
    diverging: int = 0
    """Imported sessions that were played and came out otherwise."""

    @property
    def complete(self) -> bool:
        """Whether nothing was left out."""
        return not (self.unreadable or self.elsewhere)


Complain = Callable[[int, str], None]
"""Told the line where a record begins that cannot be read, and why."""


def import_file(
    store: Store,
    file: TextIO,
    to: Destination,
    *,
    form: str | None = None,
    complain: Complain = lambda line, problem: None,
    progress: Callable[[], None] = lambda: None,
) -> Tally:
    """Write the sessions of a file into the log; what is there already is left as it is.

    A stopped import loses nothing: the next one goes on where it stopped.

    Args:
        store: the log.
        file: JSON or JSONL, as `reading.records` takes it.
        to: what the sessions are to be.
        form: name of the format; None to see it from the first record.
        complain: told of each record that cannot be read.
        progress: called now and then.

    Raises:
        UsageError: the file holds nothing, or is in no form that is known.
        LogUnavailable: the log could not be written; what was written before stays.
    """
    tally = Tally()

    def unreadable(line: int, problem: str) -> None:
        tally.unreadable += 1
        complain(line, problem)

    importer, found = _recognised(file, form, unreadable)
    traces = _traces(importer, found, unreadable)
    while batch := list(islice(traces, TOGETHER)):
        _write(store, batch, to, importer.name, tally)
        progress()
    return tally


def _recognised(file: TextIO, form: str | None, complain: Complain) -> tuple[Importer, Iterator[Record]]:
    """The importer that fits the first record that can be read, and all that can."""
    found = _readable(records(file), complain)
    first = next(found, None)
    if first is None:
        raise UsageError("the file holds no record; expected a list of them as JSON, or one a line")
    importer = importer_of(form, first.value)
    every = chain([first], found)
    if importer.whole_file:
        return importer, iter([Record(first.line, [record.value for record in every])])
    return importer, every


def _readable(found: Iterable[Record], complain: Complain) -> Iterator[Record]:
    for record in found:
        if record.problem is None:
            yield record
        else:
            complain(record.line, record.problem)


def _traces(importer: Importer, found: Iterable[Record], complain: Complain) -> Iterator[Trace]:
    for record in found:
        try:
            for trace in importer.traces(record.value):
                yield trace.check()
        except Unreadable as error:
            complain(record.line, f"{error}; expected {importer.expects}")


def _write(store: Store, traces: Sequence[Trace], to: Destination, form: str, tally: Tally) -> None:
    """Write those that are not there yet, in one transaction."""
    ids = [_session_id(trace, to.principal) for trace in traces]
    known = _known(store.reader(), ids)
    new = {each: trace for each, trace in zip(ids, traces, strict=True) if each not in known}
    ready = [made for each, trace in new.items() if (made := _made(each, trace, to, form, tally))]
    with Log(store).writing() as connection:
        known |= _known(connection, list(new))  # another process may import the same
        written = {made.start.id: made for made in ready if made.start.id not in known}
        for made in written.values():
            insert_whole(connection, made.start, made.steps, reason=made.reason, outcome=made.outcome)
    _count(tally, Counter(ids), known, written)


@dataclass(frozen=True)
class _Made:
    """A session that is ready to be written."""

    start: SessionStart
    steps: tuple[Step, ...]
    agrees: bool | None
    reason: str
    outcome: Mapping[str, Any] | None


def _made(session_id: str, trace: Trace, to: Destination, form: str, tally: Tally) -> _Made | None:
    """The session of a trace; None, and counted, where it is of another world than it was asked for."""
    if to.right and trace.success is None:
        trace = replace(trace, success=True, ended=True)
    try:
        played = _played(trace, to, form)
    except Elsewhere as reason:
        tally.elsewhere[str(reason)] += 1
        return None
    start = SessionStart(
        id=session_id,
        env=played.task.env_id if to.found_by is None else to.found_by,
        task=played.task,
        purpose="import",
        principal=to.principal,
        client_name=whole(trace.agent or form),
        client_version=trace.agent_version,
        replayable=played.agrees is not None,
        outside=played.outside,
        opening=trace.opening or None,
        marks={} if to.env is None else None,
    )
    return _Made(start, played.steps, played.agrees, _reason(trace), _outcome(trace, played))


def _played(trace: Trace, to: Destination, form: str) -> Imported:
    if to.env is not None and to.env.name == PLAYED:
        return in_retail(trace, to.env, to.data)
    return as_recorded(trace, form, to.env)


def _reason(trace: Trace) -> str:
    return EPISODE_OVER if trace.ended else trace.reason


def _outcome(trace: Trace, played: Imported) -> dict[str, Any] | None:
    """How the session came out, as the trace says; beside it what world and source tell of it."""
    told = verdict(trace)
    if told is None:
        return None
    last = played.steps[-1].outcome if played.steps else None
    return {**trace.details, **(last or told)}


def _session_id(trace: Trace, principal: str) -> str:
    """The same for the same trace, so that a second import of it finds the first."""
    return sha256(f"{trace.hash} {principal}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _known(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, str]:
    """The environments of those sessions that are in the log."""
    marks = ", ".join("?" * len(ids))
    found = connection.execute(f"SELECT id, env FROM session_starts WHERE id IN ({marks})", ids)  # noqa: S608  # marks alone
    return dict(found.fetchall())


def _count(tally: Tally, ids: Counter[str], known: Mapping[str, str], written: Mapping[str, _Made]) -> None:
    for session_id, times in ids.items():
        if session_id in known:
            tally.here[known[session_id]] += times
        elif session_id in written:
            made = written[session_id]
            tally.imported[made.start.env] += 1
            tally.here[made.start.env] += times - 1
            tally.agreeing += made.agrees is True
            tally.diverging += made.agrees is False
