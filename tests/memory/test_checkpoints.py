"""Checkpoints: the write-ahead log stays short, nobody waits for that, and the last to close leaves none."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from practicum.memory import Log, Sessions, Store
from practicum.memory.checkpoints import Checkpoints
from tests.memory.steps import a_step

SMALL = 64 * 1024
PAGES = 4096
MANY = 400


def wal_bytes(path: Path) -> int:
    wal = path.with_name(f"{path.name}-wal")
    return wal.stat().st_size if wal.exists() else 0


@pytest.fixture
def hasty(store: Store) -> Iterator[Store]:
    """A store whose log is moved after every 64 KiB."""
    connect = store._checkpoints._connect
    store._checkpoints = Checkpoints(store.path, connect, store.lock, every_bytes=SMALL)
    yield store
    store._checkpoints.finish()


def write_many(log: Log, session_id: str, first: int, count: int) -> None:
    for turn in range(first, first + count):
        log.append(session_id, a_step(turn))
        log.store._checkpoints.finish()


def test_the_write_ahead_log_stays_short_however_much_is_written(hasty, path, log, sessions, begin):
    session_id, _ = begin()
    sizes = []
    for first in range(1, MANY, 20):
        write_many(log, session_id, first, 20)
        sizes.append(wal_bytes(path))
    assert max(sizes) < SMALL + 20 * PAGES
    assert sessions.get(session_id, None).steps == MANY


def test_without_moves_the_log_would_have_grown(store, path, log, begin):
    session_id, _ = begin()
    write_many(log, session_id, 1, MANY)
    assert wal_bytes(path) > 4 * SMALL


def test_a_reader_that_stays_keeps_nobody_from_writing_and_the_log_is_moved_after_it(hasty, path, log, begin):
    session_id, _ = begin()
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM steps").fetchone()
        write_many(log, session_id, 1, 100)
        assert reader.execute("SELECT count(*) FROM steps").fetchone() == (0,)
        assert wal_bytes(path) > SMALL
    write_many(log, session_id, 101, 100)
    assert wal_bytes(path) < SMALL + 20 * PAGES


def test_another_process_writes_while_a_log_is_moved(hasty, path, log, begin):
    session_id, _ = begin()
    write_many(log, session_id, 1, 30)
    moving = threading.Event()
    go_on = threading.Event()

    def hold() -> None:
        with hasty.lock:
            moving.set()
            go_on.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    moving.wait()
    hasty._checkpoints._due_bytes = 0
    hasty._checkpoints.look()
    try:
        with closing(Store.open(path, busy_timeout_s=0.05)) as other:
            Log(other).append(session_id, a_step(31))
    finally:
        go_on.set()
        holder.join()
    assert Sessions(hasty).get(session_id, None).steps == 31


@pytest.mark.parametrize("durable", [False, True])
def test_the_last_to_close_leaves_a_clean_file(path, durable):
    first, second = Store.open(path, durable=durable), Store.open(path, durable=durable)
    Log(first).event("mined", {})
    first.close()
    assert second.read("SELECT kind FROM events") == [{"kind": "mined"}]
    second.close()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as copy:
        assert copy.execute("SELECT kind FROM events").fetchall() == [("mined",)]
