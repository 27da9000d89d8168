"""The file: how it is opened, refused and migrated."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from practicum.envs import UsageError
from practicum.memory import Store, default_path
from practicum.memory import migrations as migrations_module
from practicum.memory.migrations import backups


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as refused:
        Store.open(path, busy_timeout_s=0.05)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    return str(refused.value)


def test_the_file_and_its_folder_are_made_and_only_the_owner_reads_it(tmp_path):
    path = tmp_path / "new" / "practicum.db"
    with closing(Store.open(path)):
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_file_that_others_could_read_is_made_private(path):
    path.touch(mode=0o644)
    with closing(Store.open(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("durable", "synchronous"), [(False, 1), (True, 2)])
def test_every_connection_has_the_pragmas(path, durable, synchronous):
    with closing(Store.open(path, durable=durable, busy_timeout_s=1.5)) as store:
        for connection in (store.connection, store.reader()):
            found = {
                name: connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in (
                    "journal_mode",
                    "synchronous",
                    "foreign_keys",
                    "busy_timeout",
                    "recursive_triggers",
                )
            }
            assert found == {
                "journal_mode": "wal",
                "synchronous": synchronous,
                "foreign_keys": 1,
                "busy_timeout": 1500,
                "recursive_triggers": 1,
            }


def test_a_reader_cannot_write(store):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.reader().execute("INSERT INTO events (time, kind, body) VALUES (0, 'x', '{}')")


def is_left_alone(path: Path, said: str) -> bool:
    """Whether a file is refused for that reason, and neither it nor its folder is changed."""
    path.chmod(0o644)
    os.utime(path, (1000, 1000))
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    assert said in refusal(path)
    kept = path.stat()
    assert (stat.S_IMODE(kept.st_mode), kept.st_mtime, path.read_bytes()) == (0o644, 1000, before)
    return sorted(path.parent.iterdir()) == beside


def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(path):
    path.write_text("a shopping list, " * 100)
    assert is_left_alone(path, "no Practicum database")


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("tables", [1, 900])
def test_another_programs_database_is_refused_and_left_as_it_was(path, journal, tables):
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA journal_mode = {journal}")
        for number in range(tables):
            other.execute(f"CREATE TABLE migrations_{number} (name TEXT)")
    assert is_left_alone(path, "another program")


def test_another_programs_new_database_is_refused_while_its_tables_are_in_its_log_alone(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE mine (name TEXT)")
        assert is_left_alone(path, "another program")


def test_a_database_of_ours_whose_tables_are_in_its_log_alone_is_opened(path):
    with closing(Store.open(path)) as store:
        assert path.read_bytes()[68:72] == bytes(4)
        with closing(Store.open(path)) as other:
            assert other.read("SELECT * FROM migrations") == store.read("SELECT * FROM migrations")


def test_what_is_no_file_at_all_is_refused_and_left_as_it_was(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    assert "it is no file" in refusal(pipe)
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o644


def test_a_database_that_must_be_there_is_not_made(tmp_path):
    path = tmp_path / "new" / "practicum.db"
    with pytest.raises(UsageError, match=r"there is no log at .* yet; play a session first"):
        Store.open_existing(path)
    assert not path.parent.exists()
    Store.open(path).close()
    Store.open_existing(path).close()


def test_a_folder_is_refused(tmp_path):
    assert "cannot open" in refusal(tmp_path)


def test_a_database_of_a_newer_version_is_refused(store, path):
    store.connection.execute("INSERT INTO migrations VALUES ('m999_telepathy', 0)")
    assert "newer version of practicum (it has m999_telepathy" in refusal(path)


def test_a_database_that_is_locked_while_it_is_new_is_refused_with_the_way_out(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "try again" in refusal(path)


OPENER = """
import sys, pathlib
from practicum.memory import Store
sys.stdin.read(1)
Store.open(pathlib.Path(sys.argv[1])).close()
"""


def test_several_processes_may_open_a_new_file_at_the_same_time(path):
    command = [sys.executable, "-c", OPENER, str(path)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        process.stdin.write(b"!")
        process.stdin.flush()
    assert [process.communicate()[1] for process in processes] == [b""] * 4
    with closing(Store.open(path)) as store:
        assert len(store.read("SELECT * FROM migrations")) == len(migrations_module.MIGRATIONS)
    assert backups(path) == []


def m900_notes(db):
    db.execute("CREATE TABLE notes (session TEXT, body TEXT)")


def m901_broken(db):
    db.execute("CREATE TABLE half (x)")
    db.execute("SELECT no_such_function()")


def test_a_migration_leaves_a_backup_of_the_file_before_it(path, begin, store, monkeypatch):
    session_id, _ = begin()
    store.close()
    monkeypatch.setitem(migrations_module.MIGRATIONS, "m900_notes", m900_notes)
    with closing(Store.open(path)) as newer:
        assert newer.read("SELECT * FROM notes") == []
    [backup] = backups(path)
    assert backup.name == "practicum.db.before-m900_notes"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("SELECT id FROM session_starts").fetchall() == [(session_id,)]
        assert not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'notes'").fetchall()


def test_a_migration_that_fails_leaves_nothing_of_itself(path, store, monkeypatch):
    monkeypatch.setitem(migrations_module.MIGRATIONS, "m900_notes", m900_notes)
    monkeypatch.setitem(migrations_module.MIGRATIONS, "m901_broken", m901_broken)
    assert "no_such_function" in refusal(path)
    names = [row["name"] for row in store.read("SELECT name FROM migrations")]
    assert names == ["m001_log", "m002_recall", "m003_skills", "m004_training", "m005_openings", "m900_notes"]
    assert store.read("SELECT 1 FROM sqlite_master WHERE name = 'half'") == []


def test_the_default_path_is_named_by_the_environment_or_lies_in_the_users_data_folder(monkeypatch):
    monkeypatch.setenv("PRACTICUM_DB", "/somewhere/else.db")
    assert default_path() == Path("/somewhere/else.db")
    monkeypatch.delenv("PRACTICUM_DB")
    assert default_path().parts[-2:] == ("practicum", "practicum.db")
