"""Checkpoints: the write-ahead log is moved into the database beside the writing, not within it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

CHECKPOINT_BYTES = 8 * 1024 * 1024
"""A write-ahead log is moved into the database whenever it has grown by so much."""


class Checkpoints:
    """Keeps the write-ahead log of a file short, in a thread of its own for as long as each move takes.

    SQLite by itself does it within the commit that reaches a threshold, which then waits for the disk for
    10 ms or more. A move here waits neither for readers nor for writers (it is PASSIVE); once everything has
    been moved, the next write begins the log anew.

    Args:
        path: the database.
        connect: opens a connection to it.
        writing: the lock of those who write in this process.
        every_bytes: how much the log may grow before the next move.
    """

    def __init__(
        self,
        path: Path,
        connect: Callable[[], sqlite3.Connection],
        writing: threading.RLock,
        *,
        every_bytes: int = CHECKPOINT_BYTES,
    ) -> None:
        self._log = f"{path}-wal"
        self._connect = connect
        self._writing = writing
        self._every_bytes = every_bytes
        self._due_bytes = every_bytes
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """See after a commit whether the log has grown enough; called by whoever holds the writing lock."""
        size = _size(self._log)
        if size < self._every_bytes:
            self._due_bytes = self._every_bytes
        elif size >= self._due_bytes and (self._thread is None or not self._thread.is_alive()):
            self._due_bytes = size + self._every_bytes
            self._thread = threading.Thread(target=self._move, name="practicum-checkpoint", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Wait for a move that is under way, which is bounded by the size of the log."""
        if self._thread is not None:
            self._thread.join()

    def _move(self) -> None:
        """Move the bulk while others write, then the rest while nobody here does, so that nothing is left."""
        try:
            with closing(self._connect()) as connection:
                checkpoint(connection)
                with self._writing:
                    checkpoint(connection)
        except (
            sqlite3.Error
        ):  # a full or failing disk: the log stays as it is, and whoever writes next is told
            return


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move what can be moved without waiting for anybody."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116  # once a commit: half the time of a Path's
    except OSError:
        return 0
