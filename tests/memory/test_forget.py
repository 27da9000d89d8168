"""Forget: what a session contained is gone from every byte on disk, and nothing else is."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from practicum.envs import UsageError
from practicum.memory import Store, forget, fork, new_session_id, replay
from practicum.memory import migrations as migrations_module

MARKER = "correct-horse-battery-staple"


def bytes_on_disk(path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def marked(begin, size: int = 1):
    """A session that has the marker in its task, arguments, refusal, thought and, when large, a blob."""
    _, episode = begin()
    task = replace(episode.task, secret={"script": f"{MARKER}-secret"})
    session_id, episode = begin(task=task)
    episode.act("store", {"parcel": f"{MARKER}-argument" * size, "locker": "L0"}, thought=f"{MARKER}-thought")
    episode.act("look")
    return session_id, episode


@pytest.mark.parametrize("size", [1, 1000])
def test_nothing_of_a_forgotten_session_stays_in_the_file_its_wal_or_its_backups(
    path, begin, monkeypatch, size
):
    session_id, _ = marked(begin, size)
    others = [begin(seed) for seed in range(5)]
    for _, episode in others:
        episode.act("look")
    monkeypatch.setitem(
        migrations_module.MIGRATIONS,
        "m900_notes",
        lambda db: db.execute("CREATE TABLE notes (session, body)"),
    )
    with closing(Store.open(path)) as store:
        store.connection.execute("INSERT INTO notes VALUES (?, ?)", (session_id, f"{MARKER}-note"))
        assert MARKER.encode() in bytes_on_disk(path)
        stones = forget(store, [session_id])
        assert (stones.sessions, stones.steps, stones.tasks, stones.remaining) == ((session_id,), 2, 1, ())
        assert [backup.name for backup in stones.backups] == ["practicum.db.before-m900_notes"]
        assert MARKER.encode() not in bytes_on_disk(path)
    assert MARKER.encode() not in bytes_on_disk(path)


def test_a_forgotten_blob_goes_unless_another_session_has_it(store, begin):
    kept, episode = begin(1, settings={"parcels": 400})
    episode.act("look")
    shared, episode = begin(1, settings={"parcels": 400})
    episode.act("look")
    alone, episode = begin(2, settings={"parcels": 400})
    episode.act("look")
    stones = forget(store, [shared, alone])
    assert (stones.blobs, stones.tasks, stones.steps) == (1, 1, 2)
    assert [row["session"] for row in store.read("SELECT session FROM steps JOIN blobs ON blob = hash")] == [
        kept
    ]


def test_the_other_sessions_replay_as_before(store, sessions, begin, solve):
    ids = []
    for seed in range(8):
        session_id, episode = begin(seed)
        solve(episode)
        ids.append(session_id)
    before = {
        session_id: (sessions.get(session_id, None), list(sessions.steps(session_id)))
        for session_id in ids[1::2]
    }
    forget(store, ids[::2])
    assert {
        session_id: (sessions.get(session_id, None), list(sessions.steps(session_id)))
        for session_id in ids[1::2]
    } == before
    assert all(replay(sessions, session_id).agrees for session_id in ids[1::2])
    assert store.read("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert store.read("PRAGMA foreign_key_check") == []


def test_everything_before_a_date_is_forgotten(store, sessions, begin):
    ids = [begin(seed, started_at=100.0 + seed)[0] for seed in range(5)]
    assert forget(store, before=102.0).sessions == tuple(ids[:2])
    assert {session.id for session in sessions.list(None)} == set(ids[2:])
    assert forget(store, before=102.0).sessions == ()


def test_a_tombstone_stays_and_the_log_is_append_only_again(store, begin, log):
    session_id, _ = marked(begin)
    begin()[1].act("look")
    forget(store, [session_id])
    [event] = store.read("SELECT kind, body FROM events")
    assert event["kind"] == "forgotten"
    assert json.loads(event["body"])["sessions"] == [session_id]
    for table in ("steps", "session_starts", "events", "tasks"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store.connection.execute(f"DELETE FROM {table}")


def test_an_unknown_session_is_refused_and_nothing_is_forgotten(store, sessions, begin):
    session_id, _ = begin()
    with pytest.raises(UsageError, match="no session"):
        forget(store, [session_id, new_session_id()])
    assert sessions.get(session_id, None) is not None


def test_a_fork_that_still_has_the_steps_is_named(store, log, sessions, begin):
    session_id, _ = marked(begin)
    child = fork(log, sessions, session_id, 1, "local")
    empty = fork(log, sessions, session_id, 0, "local")
    [line] = forget(store, [session_id]).remaining
    assert line == f"session {child}, a fork of {session_id}, has its first 1 steps"
    assert forget(store, [child, empty]).remaining == ()


def test_a_reader_that_keeps_the_write_ahead_log_is_named(path, begin, store):
    session_id, _ = marked(begin)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM steps").fetchone()
        [line] = forget(store, [session_id]).remaining
        assert "another process is reading" in line
        other.execute("COMMIT")
    assert store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert MARKER.encode() not in bytes_on_disk(path)


def test_a_backup_without_the_session_stays_and_an_unreadable_one_goes(path, begin, store):
    other = path.with_name(f"{path.name}.before-m900_notes")
    broken = path.with_name(f"{path.name}.before-m005_more")
    with closing(sqlite3.connect(other)) as copy:
        store.connection.backup(copy)
    broken.write_bytes(b"not a database at all, but who knows" * 99)
    session_id, _ = marked(begin)
    assert forget(store, [session_id]).backups == (broken,)
    assert other.exists()


def test_a_backup_that_cannot_be_deleted_is_named(path, begin, store):
    stubborn = path.with_name(f"{path.name}.before-m900_notes")
    stubborn.mkdir()
    stones = forget(store, [marked(begin)[0]])
    assert stones.backups_left == (stubborn,)
    assert stones.remaining == (f"{stubborn}: could not be deleted: Is a directory",)
