"""Recall: the nearest past tasks of a principal, without secrets, whatever the query is made of."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from practicum.envs import find
from practicum.memory import Sessions, Store, forget, rebuild_index, recall, sessions_like
from practicum.memory import migrations as migrations_module
from tests.memory.conftest import PARCELS, VAULT

PRAGUE = "Book a direct train to Prague for two people."
LISBON = "Cancel the hotel in Lisbon, if that is free."
TOKYO = "東京から大阪まで切符を買う"


@pytest.fixture
def begin_told(begin):
    """Begin a session whose task says something; returns its id and episode."""

    def begin_told(told, principal="local", **params):
        settings = {"told": told, **params}
        return begin(env=VAULT, settings=settings, principal=principal)

    return begin_told


def test_the_nearest_tasks_come_first_with_what_came_of_them(store, log, begin_told):
    lisbon, _ = begin_told(LISBON)
    prague, episode = begin_told(PRAGUE)
    again, _ = begin_told(PRAGUE)
    episode.act("say", {"json_text": "[]"})
    log.close(prague, "closed")
    tasks = recall(store, "a train to Prague, or a hotel", principal="local")
    assert [task.text for task in tasks] == [PRAGUE, LISBON]
    assert tasks[0].score > tasks[1].score > 0
    assert (tasks[0].env_id, tasks[0].hash) == ("vault-v1", episode.task.hash)
    newer, older = tasks[0].sessions
    assert (newer.id, newer.ended_at, newer.total_reward) == (again, None, None)
    assert (older.id, older.success, older.total_reward) == (prague, None, pytest.approx(-0.01))
    assert [past.id for past in tasks[1].sessions] == [lisbon]


def test_a_task_that_ended_tells_whether_it_was_solved(store, begin, solve):
    solve(begin()[1])
    [task] = recall(store, "parcel in a free locker", principal="local")
    assert [past.success for past in task.sessions] == [True]


def test_nobody_recalls_another_principals_tasks(store, begin_told):
    begin_told(PRAGUE, "ann")
    shared = [begin_told(LISBON, principal)[0] for principal in ("ann", "bob")]
    assert recall(store, "Prague", principal="bob") == []
    [task] = recall(store, "hotel in Lisbon", principal="bob")
    assert [past.id for past in task.sessions] == [shared[1]]
    assert len(recall(store, "Prague Lisbon", principal=None)) == 2


@pytest.mark.parametrize("env", ["vault", "vault-v1"])
def test_an_environment_can_be_asked_for(store, begin, begin_told, env):
    begin_told("Put the parcel into the vault")
    begin(env=PARCELS)
    assert {task.env_id for task in recall(store, "parcel", principal="local")} == {"vault-v1", "parcels-v1"}
    assert {task.env_id for task in recall(store, "parcel", principal="local", env=env)} == {"vault-v1"}
    assert recall(store, "parcel", principal="local", env="flight") == []


def test_case_diacritics_and_other_scripts_make_no_difference(store, begin_told):
    begin_told("Fliege nach São Paulo")
    begin_told(TOKYO)
    for query in ("SAO PAULO", "são", "sa\u0303o"):
        assert [task.text for task in recall(store, query, principal="local")] == ["Fliege nach São Paulo"]
    [task] = recall(store, "大阪", principal="local")
    assert task.text.replace(" ", "") == TOKYO


def test_the_parameters_and_the_name_of_the_environment_are_searched_too(store, begin_told):
    begin_told("Open it.", note="the blue notebook")
    assert len(recall(store, "notebook", principal="local")) == 1
    assert len(recall(store, "vault", principal="local")) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(max_size=40),
    st.sampled_from(['"', "*", "(", ")", ":", "^", "-", " AND ", " NOT ", " NEAR(", "told:"]),
)
@example("", "")
@example("Prague\0", "'")
@example("\ud800", '"')
@example("x" * 100_000, " OR ")
@example("Prague " * 100_000, "NEAR/2")
def test_no_query_is_an_error_or_finds_what_it_does_not_name(store, begin_told, query, operator):
    if not store.read("SELECT 1 FROM session_starts"):
        begin_told(PRAGUE)
    found = recall(store, f"{query}{operator}{query}", principal="local")
    assert len(found) <= 1
    assert len(recall(store, f"{query} {operator} Prague", principal="local")) in (0, 1)
    assert recall(store, f"{operator}zzz{operator}", principal="local") == []


def indexed(store) -> str:
    return json.dumps(store.read("SELECT * FROM task_texts") + store.read("SELECT * FROM task_words"))


def test_secrets_are_not_indexed(store, begin):
    told = "Use sesameopen, or sk-abcdefghij1234567890."
    settings = {"told": told, "key": "sesameopen", "note": "password=hunter2"}
    task = replace(find(VAULT).make_task(1, **settings), secret={"script": "whisperedword"})
    begin(env=VAULT, task=task)
    assert len(recall(store, "Use", principal="local")) == 1
    assert recall(store, "sesameopen", principal="local") == []
    for secret in ("sesameopen", "abcdefghij1234567890", "hunter2", "whisperedword"):
        assert secret not in indexed(store)


def test_what_is_given_for_a_marked_argument_later_leaves_the_index_when_the_session_ends(
    store, log, begin_told
):
    session_id, episode = begin_told("The word is sesameopen.")
    assert len(recall(store, "word", principal="local")) == 1
    episode.act("unlock", {"key": "sesameopen"})
    log.close(session_id, "closed")
    assert recall(store, "sesameopen", principal="local") == []
    assert len(recall(store, "word", principal="local")) == 1
    store.connection.execute("INSERT INTO task_texts (task_texts) VALUES ('optimize')")
    assert "sesameopen" not in indexed(store)


def test_a_forgotten_task_leaves_the_index(store, path, begin_told):
    gone, _ = begin_told("Feed the zebrafish.")
    begin_told(LISBON)
    assert len(recall(store, "zebrafish Lisbon", principal="local")) == 2
    forget(store, [gone])
    assert [task.text for task in recall(store, "zebrafish Lisbon", principal="local")] == [LISBON]
    assert "zebrafish" not in indexed(store)
    assert b"ebrafish" not in b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert store.read("SELECT * FROM unread_sessions") == []


def test_a_task_that_another_session_plays_stays(store, begin_told):
    gone, _ = begin_told(PRAGUE)
    kept, _ = begin_told(PRAGUE)
    recall(store, "x", principal=None)
    forget(store, [gone])
    [task] = recall(store, "Prague", principal="local")
    assert [past.id for past in task.sessions] == [kept]


def test_the_index_can_be_made_anew(store, begin_told):
    for told in (PRAGUE, LISBON, TOKYO):
        begin_told(told)
    before = recall(store, "Prague Lisbon", principal="local")
    store.connection.execute("DELETE FROM task_texts WHERE rowid = 1")
    assert rebuild_index(store) == 3
    assert recall(store, "Prague Lisbon", principal="local") == before


def test_two_stores_on_one_file_index_it_once(path, store, begin_told):
    begin_told(PRAGUE)
    with closing(Store.open(path)) as other:
        assert recall(other, "Prague", principal="local") == recall(store, "Prague", principal="local")
    assert len(store.read("SELECT * FROM task_texts")) == 1


def test_indexing_that_is_broken_off_goes_on_with_the_next_search(store, begin_told, monkeypatch):
    monkeypatch.setattr(sys.modules["practicum.memory.recall"], "PAGE", 2)
    for number in range(5):
        begin_told(f"Task {number}")

    def broken_off(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recall(store, "task", principal="local", progress=broken_off)
    assert len(store.read("SELECT * FROM task_texts")) == 2
    assert sorted(task.text for task in recall(store, "task", principal="local")) == [
        f"Task {number}" for number in range(5)
    ]


def test_indexing_tells_how_far_it_is(store, begin_told):
    for number in range(5):
        begin_told(f"Task {number}")
    told = []
    recall(store, "x", principal=None, progress=lambda done, total: told.append((done, total)))
    assert told == [(5, 5)]


def test_words_of_most_tasks_cost_nothing_in_a_large_file(store, begin_told, monkeypatch):
    recall_module = sys.modules[recall.__module__]  # whose name the function has taken
    monkeypatch.setattr(recall_module, "FEW_TASKS", 20)
    monkeypatch.setattr(recall_module, "MOST_HITS", 10)
    for number in range(40):
        begin_told(f"Book a flight number{number}")
    searched = []
    recall(store, "x", principal=None)
    store.reader().set_trace_callback(searched.append)
    found = recall(store, "Book a flight number7", principal="local", limit=3)
    store.reader().set_trace_callback(None)
    assert found[0].text == "Book a flight number7"
    [match] = [sql for sql in searched if "MATCH" in sql]
    assert '"number7"' in match
    assert '"flight"' not in match
    assert len(recall(store, "Book a flight", principal="local")) == 40


def test_the_sessions_of_the_nearest_tasks_are_found_newest_first(store, sessions, begin_told):
    ids = [begin_told(PRAGUE)[0] for _ in range(3)]
    lisbon = begin_told(LISBON)[0]
    begin_told(PRAGUE, "ann")
    found = sessions_like(sessions, "Prague or a hotel", principal="local")
    assert [session.id for session in found] == [*ids[::-1], lisbon]
    assert len(sessions_like(sessions, "Prague or a hotel", principal="local", limit=2)) == 2


def copied_as_before(store, path, monkeypatch):
    """A copy of a file as the first version would have written it."""
    with monkeypatch.context() as past:
        past.setattr(migrations_module, "MIGRATIONS", {"m001_log": migrations_module.m001_log})
        with closing(Store.open(path)) as old:
            for table in ("tasks", "session_starts", "session_ends"):
                for row in store.read(f"SELECT * FROM {table}"):
                    for later in ("marks", "opening"):
                        row.pop(later, None)
                    values = ", ".join("?" * len(row))
                    old.connection.execute(
                        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})", [*row.values()]
                    )


def test_a_file_of_the_version_before_is_searched_and_counted_like_any_other(
    tmp_path, monkeypatch, begin_told, log, store
):
    session_id, _ = begin_told(f"{PRAGUE} The key is sesameopen.", key="sesameopen")
    log.close(begin_told(LISBON)[0], "closed")
    path = tmp_path / "old.db"
    copied_as_before(store, path, monkeypatch)
    with closing(Store.open(path)) as newer:
        sessions = Sessions(newer)
        assert sessions.get(session_id, None).marks is None
        assert sessions.count_open("local") == 1
        assert [outline.id for outline in sessions.open_of("local")] == [session_id]
        assert len(recall(newer, "Prague Lisbon", principal="local")) == 2
        assert recall(newer, "sesameopen", principal="local") == []
    left = [backup.name for backup in migrations_module.backups(path)]
    assert left[:2] == ["old.db.before-m002_recall", "old.db.before-m003_skills"]
