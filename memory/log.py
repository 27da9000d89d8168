"""Log: where sessions are written, a step committed before anybody sees its result."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from practicum.envs.episodes import Opening, Step
from practicum.memory.batches import UNFIT, Batch, Write, insert_end_once
from practicum.memory.rows import dump_text
from practicum.memory.starts import SessionStart, insert_start
from practicum.memory.store import Busy, Store, is_busy


class LogUnavailable(Exception):  # noqa: N818  # named for what the reader is told
    """The database could not take what was to be written; nothing of it is kept."""


class Log:
    """Writes sessions. One log a process, used from the event loop and from worker threads.

    Args:
        store: where to; writes go through its writing connection.
        clock: seconds since 1970.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._clock = clock
        self._pending: Batch | None = None
        self._gate = anyio.Lock(fast_acquire=True)

    def start(self, start: SessionStart) -> None:
        """Write how a session begins.

        Raises:
            LogUnavailable: it could not be written.
        """
        with self.writing() as connection:
            insert_start(connection, start)

    async def start_shared(self, start: SessionStart, *, most_open: int | None = None) -> None:
        """As `start`, together with what other tasks write now; the event loop goes on meanwhile.

        Raises:
            LogUnavailable: it could not be written.
            TooManyOpen: the principal has `most_open` sessions that have not ended, in whatever process.
        """
        write = partial(insert_start, start=start, most_open=most_open)
        await self._share(lambda batch: batch.add_other(write))

    def append(self, session_id: str, step: Step) -> None:
        """Write a step; it is committed when this returns.

        Raises:
            TurnTaken, LogUnavailable: the step was not written.
        """
        batch = Batch()
        place = batch.add(session_id, step, self._clock())
        self._write(batch)
        batch.settle(place)

    async def append_shared(self, session_id: str, step: Step, *, beside: Write | None = None) -> None:
        """Write a step together with what other tasks write now; committed when this returns.

        A cancelled caller's step is written all the same.

        Args:
            session_id: whose step.
            step: what came of the call.
            beside: what else is written if and only if the step is.

        Raises:
            TurnTaken, LogUnavailable: the step was not written.
        """
        await self._share(lambda batch: batch.add(session_id, step, self._clock(), beside))

    def close(self, session_id: str, reason: str) -> None:
        """Write that a session has ended, unless it has already.

        Raises:
            LogUnavailable: it could not be written.
        """
        with self.writing() as connection:
            insert_end_once(connection, session_id, reason, self._clock())

    async def close_shared(self, session_id: str, reason: str) -> None:
        """As `close`, together with what other tasks write now; the event loop goes on meanwhile.

        Raises:
            LogUnavailable: it could not be written.
        """
        end = partial(insert_end_once, session_id=session_id, reason=reason, now=self._clock())
        await self._share(lambda batch: batch.add_other(end))

    def event(self, kind: str, body: Mapping[str, Any]) -> None:
        """Write that something happened which is no step: mined, verified, published, retired or the like.

        Raises:
            LogUnavailable: it could not be written.
        """
        with self.writing() as connection:
            insert_event(connection, kind, body, self._clock())

    async def event_shared(self, kind: str, body: Mapping[str, Any]) -> None:
        """As `event`, together with what other tasks write now; the event loop goes on meanwhile.

        Raises:
            LogUnavailable: it could not be written.
        """
        write = partial(insert_event, kind=kind, body=body, now=self._clock())
        await self._share(lambda batch: batch.add_other(write))

    async def write_shared(self, write: Write) -> None:
        """Write something of another kind together with what other tasks write now.

        Raises:
            LogUnavailable: it could not be written.
        """
        await self._share(lambda batch: batch.add_other(write))

    def data_version(self) -> int:
        """A number that changes when another process has written to the file."""
        with self.store.lock:
            return int(self.store.connection.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction whose failure is a `LogUnavailable`."""
        try:
            with self.store.writing() as connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise _unavailable(self.store, error) or error from None

    async def _share(self, add: Callable[[Batch], int]) -> None:
        """Add to the batch that waits, and return when it is committed."""
        batch = self._pending
        if batch is None:
            batch = self._pending = Batch()
        place = add(batch)
        try:
            await checkpoint()
            if not batch.done:
                await self._flush(batch)
        except BaseException:
            self._leave(batch)
            self._write(batch)
            raise
        batch.settle(place)

    async def _flush(self, batch: Batch) -> None:
        with anyio.CancelScope(shield=True):
            async with self._gate:
                if batch.done:
                    return
                self._leave(batch)
                if self.store.durable or not self._write_at_once(batch):
                    await anyio.to_thread.run_sync(self._write, batch)

    def _write_at_once(self, batch: Batch) -> bool:
        try:
            self._write(batch, wait=False)
        except Busy:
            return False
        return True

    def _leave(self, batch: Batch) -> None:
        if self._pending is batch:
            self._pending = None

    def _write(self, batch: Batch, *, wait: bool = True) -> None:
        if not self.store.lock.acquire(blocking=wait):
            raise Busy
        try:
            if batch.done:
                return
            try:
                self._insert(batch, wait=wait)
            except sqlite3.DatabaseError as error:
                batch.failure = _unavailable(self.store, error)
                if batch.failure is None:
                    raise
            batch.done = True
        finally:
            self.store.lock.release()

    def _insert(self, batch: Batch, *, wait: bool) -> None:
        try:
            with self.store.writing(wait=wait) as connection:
                batch.insert_together(connection)
        except UNFIT:
            with self.store.writing(wait=wait) as connection:
                batch.insert_one_by_one(connection)


class SessionRecorder:
    """Keeps an episode's steps in a session that `Log.start` has begun."""

    def __init__(self, log: Log, session_id: str) -> None:
        self._log = log
        self._session_id = session_id

    def opened(self, opening: Opening) -> None:
        """Nothing: the session's start holds the beginning."""

    def record(self, step: Step) -> None:
        """Write the step; it is committed when this returns.

        Raises:
            TurnTaken, LogUnavailable: the step was not written; the episode must be dropped.
        """
        self._log.append(self._session_id, step)


def _unavailable(store: Store, error: sqlite3.DatabaseError) -> LogUnavailable | None:
    """What a failing disk or a held lock means to the caller; None for anything else."""
    if not isinstance(error, sqlite3.OperationalError) and type(error) is not sqlite3.DatabaseError:
        return None
    if is_busy(error):
        way_out = "another process is writing to it; try again"
    elif getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        way_out = "free some space on its disk and try again"
    else:
        way_out = "see that its disk is well and the file is writable, then try again"
    return LogUnavailable(f"nothing was written to {store.path}: {error}; {way_out}")


def insert_event(connection: sqlite3.Connection, kind: str, body: Mapping[str, Any], now: float) -> None:
    """Write an event within the caller's transaction."""
    connection.execute("INSERT INTO events (time, kind, body) VALUES (?, ?, ?)", (now, kind, dump_text(body)))
