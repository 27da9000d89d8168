"""Sessions: what can be read of them, and by whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from practicum.envs import UsageError, find
from practicum.memory import SessionStart, forget, fork, hash_token, new_session_id, new_token
from practicum.memory import sessions as sessions_module
from tests.memory.steps import a_step


def test_a_foreign_session_looks_exactly_like_an_unknown_one(sessions, begin):
    session_id, _ = begin(principal="ann")
    assert sessions.get(session_id, "ann").id == session_id
    assert sessions.get(session_id, None).id == session_id
    assert sessions.get(session_id, "bob") is None
    assert sessions.get(new_session_id(), "bob") is None
    assert sessions.list("bob") == sessions.open_of("bob") == []
    told = []
    for name in (session_id, new_session_id()):
        with pytest.raises(UsageError) as refused:
            sessions.resolve(name, "bob")
        told.append(str(refused.value).replace(name, "ID"))
    assert told[0] == told[1]


def test_the_list_is_newest_first_and_goes_on_where_it_stopped(sessions, begin):
    ids = [begin(seed, started_at=100.0 + seed // 3)[0] for seed in range(7)]
    assert sessions.count() == 7
    first = sessions.list("local", limit=4)
    rest = sessions.list("local", limit=4, before=first[-1].id)
    assert [session.id for session in first + rest] == ids[::-1]


@pytest.mark.parametrize("name", ["parcels", "parcels-v1", "the name it was opened by"])
def test_the_list_of_an_environment_knows_each_of_its_names(sessions, begin, parcels, oracle, name):
    session_id, _ = begin()
    begin(env=oracle)
    name = parcels if " " in name else name
    assert [session.id for session in sessions.list("local", name)] == [session_id]
    assert len(sessions.list("local")) == 2
    assert sessions.list("local", "flight") == []


def test_open_sessions_are_those_that_have_not_ended(log, sessions, begin, solve):
    solve(begin()[1])
    closed, _ = begin()
    log.close(closed, "closed")
    still_open, episode = begin()
    episode.act("look")
    assert [session.id for session in sessions.open_of("local")] == [still_open]
    assert sessions.count_open("local") == 1


def test_open_sessions_are_counted_by_principal_and_also_when_they_go(log, store, sessions, begin, solve):
    solve(begin()[1])
    ids = [begin(seed, principal="ann")[0] for seed in range(3)]
    begin()
    assert [sessions.count_open(whose) for whose in ("ann", "local", "bob", None)] == [3, 1, 0, 4]
    log.close(ids[0], "closed")
    log.close(ids[0], "closed")
    forget(store, [ids[1]])
    assert sessions.count_open("ann") == 1
    [outline] = sessions.open_of("ann")
    assert (outline.id, outline.env, outline.principal) == (ids[2], "parcels", "ann")
    assert (outline.ended_at, outline.reason) == (None, None)


def test_a_fork_of_an_ended_session_is_counted_only_where_it_is_open(log, sessions, begin, solve):
    session_id, episode = begin()
    solve(episode)
    fork(log, sessions, session_id, episode.turn, "local")
    assert sessions.count_open("local") == 0
    fork(log, sessions, session_id, 1, "local")
    assert sessions.count_open("local") == 1


def plan_of(store, work):
    """How SQLite goes about what `work` reads."""
    asked = []
    connection = store.reader()
    connection.set_trace_callback(asked.append)
    work()
    connection.set_trace_callback(None)
    return [row[3] for sql in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]


READS = {
    "newest": lambda sessions, known: sessions.list("local", limit=20),
    "newest of anybody": lambda sessions, known: sessions.list(None, limit=20),
    "next page": lambda sessions, known: sessions.list("local", before=known),
    "next page of anybody": lambda sessions, known: sessions.list(None, before=known),
    "of an environment": lambda sessions, known: sessions.list("local", "parcels-v1"),
    "evaluations that failed": lambda sessions, known: sessions.list(
        "local", purpose="evaluation", failed=True
    ),
    "one": lambda sessions, known: sessions.get(known, "local"),
    "by prefix": lambda sessions, known: sessions.resolve(known[:8]),
    "by token": lambda sessions, known: sessions.by_token("x"),
    "open": lambda sessions, known: sessions.open_of("local"),
    "open ones counted": lambda sessions, known: sessions.count_open("local"),
    "arguments": lambda sessions, known: list(sessions.arguments(known, ["store"])),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_is_read_at_every_turn_goes_by_an_index_and_sorts_nothing(
    store, sessions, begin, monkeypatch, read
):
    monkeypatch.setattr(sessions_module, "FEW", 3)
    known = [begin(seed)[0] for seed in range(6)][2]
    plan = plan_of(store, lambda: read(sessions, known))
    assert plan
    assert [line for line in plan if line.startswith("SCAN") and "USING" not in line] == []
    assert [line for line in plan if "TEMP B-TREE" in line] == []


@pytest.mark.parametrize("read", ["next page", "next page of anybody"])
def test_the_next_page_begins_where_the_last_one_ended(store, sessions, begin, read):
    known, _ = begin()
    assert [line for line in plan_of(store, lambda: READS[read](sessions, known)) if "started_at<?" in line]


@pytest.mark.parametrize("read", ["by token", "open", "open ones counted"])
def test_what_is_read_at_every_request_reads_no_steps(store, sessions, begin, read):
    known, _ = begin()
    assert not [line for line in plan_of(store, lambda: READS[read](sessions, known)) if "steps" in line]


def test_the_list_can_be_filtered_by_purpose_and_failure(log, sessions, begin, solve):
    solved, episode = begin()
    solve(episode)
    failed, episode = begin(purpose="evaluation")
    begin()
    log.append(failed, a_step(truncated=True, outcome={"success": False, "violations": []}))
    assert [session.id for session in sessions.list("local", purpose="evaluation")] == [failed]
    assert [session.id for session in sessions.list("local", failed=True)] == [failed]
    assert sessions.list("local", failed=True, purpose="practice") == []
    assert solved in {session.id for session in sessions.list("local", purpose="practice")}


def test_an_environment_with_many_sessions_is_listed_like_one_with_few(sessions, begin, oracle, monkeypatch):
    ids = [begin(seed, started_at=100.0 + seed)[0] for seed in range(5)]
    begin(env=oracle)
    few = [session.id for session in sessions.list("local", "parcels", limit=3)]
    monkeypatch.setattr(sessions_module, "FEW", 2)
    assert few == [session.id for session in sessions.list("local", "parcels", limit=3)] == ids[:1:-1]


def test_a_prefix_names_a_session_as_long_as_only_one_begins_with_it(log, sessions, parcels):
    task = find(parcels).make_task(1)
    for digits in ("aa00", "aa0f", "af00"):
        log.start(SessionStart(id=digits.ljust(32, "0"), env="parcels-v1", task=task))
    assert sessions.resolve("af").id.startswith("af00")
    assert sessions.resolve("aa0f").id.startswith("aa0f")
    with pytest.raises(UsageError, match="begins more than one session"):
        sessions.resolve("aa0")
    with pytest.raises(UsageError, match="no session 'b'"):
        sessions.resolve("b")


def test_a_played_seed_is_known_for_its_principal_environment_and_version(sessions, begin):
    _, episode = begin(3, principal="ann")
    assert sessions.played_seed("ann", "parcels", 1, 3)
    assert not sessions.played_seed("ann", "parcels", 1, 4)
    assert not sessions.played_seed("ann", "parcels", 2, 3)
    assert not sessions.played_seed("ann", "flight", 1, 3)
    assert not sessions.played_seed("bob", "parcels", 1, 3)
    assert sessions.played_task("ann", episode.task.hash)
    assert not sessions.played_task("bob", episode.task.hash)


def test_a_played_task_is_found_by_its_hash_and_by_its_id(sessions, begin):
    _, episode = begin()
    named = replace(episode.task, id="parcels/7")
    begin(task=named)
    assert sessions.task("parcels/7") == named
    assert sessions.task(episode.task.hash).hash == episode.task.hash
    assert sessions.task("") is sessions.task("unknown") is None


def test_a_token_leads_to_its_session_alone(sessions, begin):
    token = new_token()
    session_id, _ = begin(token_hash=hash_token(token))
    begin()
    assert sessions.by_token(hash_token(token)).id == session_id
    assert sessions.by_token(hash_token(new_token())) is None


def test_steps_are_read_in_order_and_in_part(sessions, begin, monkeypatch):
    monkeypatch.setattr(sessions_module, "PAGE", 4)
    session_id, episode = begin()
    played = [episode.act("look") for _ in range(11)]
    assert list(sessions.steps(session_id)) == played
    assert list(sessions.steps(session_id, 3, 9)) == played[2:9]
    assert list(sessions.steps(session_id, 8)) == played[7:]
    assert sessions.step(session_id, 5) == played[4]
    assert sessions.step(session_id, 12) is None
    assert list(sessions.steps(new_session_id())) == []


@pytest.mark.parametrize("turn", [0, -1, -(2**63) - 1, 2**63, 10**30])
def test_a_turn_that_no_session_can_have_is_none(sessions, begin, turn):
    session_id, episode = begin()
    episode.act("look")
    assert sessions.step(session_id, turn) is None


def test_text_that_no_file_can_hold_names_no_session(sessions, begin):
    begin()
    with pytest.raises(UsageError, match="no session"):
        sessions.resolve("\udcff")
    assert sessions.get("\udcff", None) is None
    assert sessions.list(None, "\udcff") == []
    assert sessions.task("\udcff") is None


def test_a_large_result_is_read_back_like_any_other(sessions, begin):
    session_id, episode = begin(settings={"parcels": 400})
    step = episode.act("look")
    assert sessions.step(session_id, 1) == step
