"""Skills in the file: files of the version before, what is append-only, leases."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from practicum.memory import Log, Sessions, Store, forget
from practicum.memory import migrations as migrations_module
from practicum.memory.leases import give_lease_back, jobs_read, put_read, take_lease, unread
from practicum.memory.migrations import backups
from practicum.memory.skill_rows import NewVersion, SkillUse, insert_use, insert_version, read_skills, use_at


def a_version(**changes) -> NewVersion:
    plain = {
        "name": "skill_store", "version": 1, "env": "parcels", "env_version": 1, "principal": "local",
        "hash": "h", "support": 3, "body": {"b": 1}, "schema": {}, "evidence": {},
    }  # fmt: skip
    return NewVersion(**{**plain, **changes})


def a_use(session: str, **changes) -> SkillUse:
    plain = {
        "session": session, "turn": 1, "name": "skill_store", "version": 1, "hash": "h", "calls": 2,
        "success": True, "stop": None, "hit": True, "arguments": {"n": 1}, "finish": {"calls": 2},
    }  # fmt: skip
    return SkillUse(**{**plain, **changes})


def test_a_file_of_the_version_before_takes_skills_and_keeps_its_sessions(
    path, begin, solve, store, monkeypatch
):
    with monkeypatch.context() as past:
        known = dict(list(migrations_module.MIGRATIONS.items())[:2])
        past.setattr(migrations_module, "MIGRATIONS", known)
        old = path.with_name("old.db")
        Store.open(old).close()
    session_id, episode = begin()
    solve(episode)
    with closing(sqlite3.connect(old)) as before:
        before.execute("ATTACH ? AS newer", (str(path),))
        for table in ("tasks", "session_starts", "steps", "session_ends"):
            columns = ", ".join(row[1] for row in before.execute(f"PRAGMA main.table_info({table})"))
            before.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")
        before.commit()
    with closing(Store.open(old)) as migrated:
        assert backups(old)[0].name == "old.db.before-m003_skills"
        assert Sessions(migrated).get(session_id, None) == Sessions(store).get(session_id, None)
        assert [(each.principal, each.env, each.sessions) for each in unread(migrated)] == [
            ("local", "parcels", 1)
        ]
        with Log(migrated).writing() as connection:
            insert_version(connection, a_version(), 1.0)
        assert [row.status for row in read_skills(migrated)] == ["candidate"]


@pytest.mark.parametrize("table", ["skill_versions", "skill_uses"])
def test_programs_and_uses_are_append_only(store, log, begin, table):
    session_id, _ = begin()
    with log.writing() as connection:
        insert_version(connection, a_version(), 1.0)
        insert_use(connection, a_use(session_id), 2.0)
    for change in (f"UPDATE {table} SET hash = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store.connection.execute(change)
    with pytest.raises(sqlite3.IntegrityError):
        store.connection.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")


def test_a_use_of_no_session_is_refused(log):
    with pytest.raises(sqlite3.IntegrityError), log.writing() as connection:
        insert_use(connection, a_use("nobody"), 1.0)


def test_the_uses_of_a_forgotten_session_are_forgotten_with_it(store, log, begin):
    gone, kept = begin()[0], begin()[0]
    with log.writing() as connection:
        insert_version(connection, a_version(), 1.0)
        for session_id in (gone, kept):
            insert_use(connection, a_use(session_id), 2.0)
    assert forget(store, [gone]).skills == ()
    assert use_at(store, gone, 1) is None
    assert use_at(store, kept, 1) == a_use(kept)


def test_a_lease_is_one_holders_until_it_runs_out_or_is_given_back(log):
    with log.writing() as connection:
        assert take_lease(connection, "learn", "a", now=0.0, until=10.0)
        assert take_lease(connection, "learn", "a", now=5.0, until=15.0)
        assert not take_lease(connection, "learn", "b", now=14.9, until=30.0)
        assert take_lease(connection, "other", "b", now=5.0, until=15.0)
        assert take_lease(connection, "learn", "b", now=15.0, until=30.0)
        give_lease_back(connection, "learn", "a")
        assert not take_lease(connection, "learn", "a", now=16.0, until=30.0)
        give_lease_back(connection, "learn", "b")
        assert take_lease(connection, "learn", "a", now=16.0, until=30.0)


def test_what_was_read_is_not_unread_until_something_ends(store, log, begin, solve):
    solve(begin()[1])
    [new] = unread(store)
    with log.writing() as connection:
        put_read(connection, new.principal, new.env, ended=new.last, jobs={"job": [1, 0]})
    assert unread(store) == []
    assert [each.sessions for each in unread(store, everything=True)] == [1]
    assert jobs_read(store, "local", "parcels") == {"job": [1, 0]}
    solve(begin(8)[1])
    assert [each.sessions for each in unread(store)] == [1]


def test_evaluation_is_nothing_to_learn_from(store, begin, solve):
    solve(begin(purpose="evaluation")[1])
    solve(begin(purpose="verification")[1])
    begin()[1].act("look")
    assert unread(store, everything=True) == []
