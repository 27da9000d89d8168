"""Store: the one SQLite file that holds what happened; every connection to it keeps the same promises."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from practicum.envs.errors import UsageError
from practicum.memory.checkpoints import Checkpoints, checkpoint
from practicum.memory.migrations import migrate, refuse_foreign

BUSY_TIMEOUT_S = 5.0
"""How long a writer waits for another process before it gives up."""


class Busy(Exception):  # noqa: N818  # a state, caught where it is expected
    """Somebody else is writing at this moment."""


class Reader(sqlite3.Connection):
    """A reading connection; a class of its own because plain connections take no weak references."""


def default_path() -> Path:
    """`PRACTICUM_DB`, or `practicum.db` in the user's data folder."""
    named = os.environ.get("PRACTICUM_DB")
    if named:
        return Path(named)
    return platformdirs.user_data_path("practicum", appauthor=False) / "practicum.db"


class Store:
    """An open database: one writing connection for the process, one reading connection a thread.

    `lock` guards the writing connection; whoever uses `connection` holds it, and `writing` takes it.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, *, durable: bool, busy_timeout_s: float
    ) -> None:
        self.path = path
        self.connection = connection
        self.durable = durable
        """Whether a commit survives a power cut."""
        self.commits = 0
        """Transactions that this process has written."""
        self.lock = threading.RLock()
        self._busy_timeout_s = busy_timeout_s
        self._checkpoints = Checkpoints(path, self._another, self.lock)
        self._threads = threading.local()
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()

    @classmethod
    def open(cls, path: Path, *, durable: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Store:
        """Open a database, making or migrating it as needed.

        Args:
            path: the file; it and its folder are made when missing, readable by its owner alone.
            durable: wait for the disk at every commit, so that a power cut loses nothing either.
            busy_timeout_s: how long a write waits for another process.

        Raises:
            UsageError: the file cannot be read or written, is no database of ours, or is of a newer version.
        """
        path = _absolute(path)
        with _told_to_the_user(path):
            _make(path)
            refuse_foreign(path)
            _make_private(path)
            connection = _connect(path, sqlite3.Connection, durable=durable, busy_timeout_s=busy_timeout_s)
            try:
                migrate(connection, path, lambda: _connect_plain(path, sqlite3.Connection, busy_timeout_s))
            except BaseException:
                connection.close()
                raise
        return cls(path, connection, durable=durable, busy_timeout_s=busy_timeout_s)

    @classmethod
    def open_existing(cls, path: Path) -> Store:
        """Open a database that is there; as `open`, but nothing is made.

        Raises:
            UsageError: as `open`, or there is no such file.
        """
        path = _absolute(path)
        with _told_to_the_user(path):
            if not path.exists():
                way_out = "play a session first, or name another with --db"
                raise UsageError(f"there is no log at {path} yet; {way_out}")
        return cls.open(path)

    def close(self) -> None:
        """Close every connection; the store is of no use afterwards."""
        self._checkpoints.finish()
        with self.lock:
            for reader in list(self._readers):
                reader.close()
            with suppress(sqlite3.Error):  # on a full disk the log stays, and the next to open it reads it
                checkpoint(self.connection)
            self.connection.close()

    def reader(self) -> Reader:
        """The calling thread's reading connection; it cannot write."""
        known: Reader | None = getattr(self._threads, "reader", None)
        if known is None:
            timeout_s = self._busy_timeout_s
            known = _connect(self.path, Reader, durable=self.durable, busy_timeout_s=timeout_s)
            known.execute("PRAGMA query_only = ON")
            self._readers.add(known)
            self._threads.reader = known
        return known

    def read(self, sql: str, parameters: Any = ()) -> list[dict[str, Any]]:
        """The rows of a query, all at once, so that no reading transaction stays open."""
        cursor = self.reader().execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    @contextmanager
    def writing(self, *, wait: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction on the writing connection: committed on leaving, rolled back on an exception.

        Args:
            wait: without it, give up at once when another thread or process is writing.

        Raises:
            Busy: only without `wait`.
            sqlite3.Error: as SQLite says; nothing of the transaction is kept.
        """
        if not self.lock.acquire(blocking=wait):
            raise Busy
        connection = self.connection
        try:
            self._begin(wait=wait)
            try:
                yield connection
                connection.execute("COMMIT")
                self.commits += 1
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._checkpoints.look()
        finally:
            self.lock.release()

    def _another(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = _connect(
            self.path, sqlite3.Connection, durable=self.durable, busy_timeout_s=self._busy_timeout_s
        )
        return connection

    def _begin(self, *, wait: bool) -> None:
        if wait:
            self.connection.execute("BEGIN IMMEDIATE")
            return
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_busy(error):
                raise Busy from None
            raise
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {_milliseconds(self._busy_timeout_s)}")


def _absolute(path: Path) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise UsageError(
            f"cannot open the database {path}: there is no such user; choose another with --db"
        ) from None


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds what this one wanted."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        os.close(os.open(path.resolve(), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _make_private(path: Path) -> None:
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        with suppress(PermissionError, FileNotFoundError):
            file.chmod(0o600)


def _connect(path: Path, kind: type[Any], *, durable: bool, busy_timeout_s: float) -> Any:
    connection = _connect_plain(path, kind, busy_timeout_s)
    try:
        _use_wal(connection, busy_timeout_s)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # see Checkpoints
        connection.execute(
            "PRAGMA journal_size_limit = 0"
        )  # a log begun anew is cut, so its size tells its length
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")  # so that INSERT OR REPLACE meets the triggers
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_plain(path: Path, kind: type[Any], busy_timeout_s: float) -> Any:
    return sqlite3.connect(
        path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, factory=kind
    )


def _use_wal(connection: sqlite3.Connection, timeout_s: float) -> None:
    """Switch to WAL; SQLite does not wait by itself when two processes switch a new file at once."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(0.005)
        else:
            return


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


@contextmanager
def _told_to_the_user(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot open the database {path}: {reason}; choose another with --db") from None
    except sqlite3.OperationalError as error:
        way_out = "try again when the other process is done" if is_busy(error) else "choose another with --db"
        raise UsageError(f"cannot open the database {path}: {error}; {way_out}") from None
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{path} is no Practicum database: {error}; choose another with --db") from None
