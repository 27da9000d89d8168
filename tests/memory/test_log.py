"""The log: what is acknowledged is kept, nothing is changed, and one turn has one winner."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practicum.envs import Task
from practicum.memory import (
    LogUnavailable,
    SessionEnded,
    Sessions,
    SessionStart,
    Store,
    TurnTaken,
    new_session_id,
)
from practicum.memory.log import insert_event
from tests.memory.steps import a_step

TABLES = ("tasks", "session_starts", "steps", "session_ends", "events", "blobs")
text = st.text(max_size=20)  # lone surrogates included below
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
outcomes = st.fixed_dictionaries(
    {"success": st.booleans(), "violations": st.lists(text), "regret": st.none() | st.floats(0, 9)}
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arguments=st.dictionaries(text, plain, max_size=3),
    result=plain | st.text(min_size=4000, max_size=5000),
    error=st.none() | text,
    reward=st.floats(-9, 9),
    outcome=outcomes,
    thought=st.none() | text,
    latency_us=st.integers(0, 10**9),
)
def test_an_acknowledged_step_is_in_the_file_as_another_connection_sees_it(path, log, begin, **told):
    session_id, _ = begin()
    step = a_step(terms={"all": told["reward"]}, truncated=True, via_skill="look_twice", **told)
    log.append(session_id, step)
    with closing(Store.open(path)) as other:
        [read] = Sessions(other).steps(session_id)
        session = Sessions(other).get(session_id, None)
    assert read == step
    assert read.latency_us == step.latency_us
    assert (session.steps, session.total_reward, session.outcome) == (1, step.reward, step.outcome)


def test_a_start_is_read_back_as_it_was_written(log, sessions, begin):
    _, episode = begin()
    task = replace(episode.task, id="mine", difficulty=0.7, secret={"script": [1, 2]})
    start = SessionStart(
        id=new_session_id(),
        env="parcels-v1",
        task=task,
        purpose="evaluation",
        principal="ann",
        client_name="client",
        client_version="1.2",
        protocol_version="2026-07-28",
        tools_fingerprint="f00",
        parent="p" * 32,
        parent_turn=4,
        min_try=2,
        replayable=False,
        token_hash="cafe",
        started_at=12.5,
    )
    log.start(start)
    session = sessions.get(start.id, None)
    assert {name: getattr(session, name) for name in vars(start)} == vars(start)
    assert (session.steps, session.total_reward, session.last_time, session.open) == (0, 0.0, None, True)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "change", ["DELETE FROM {}", "UPDATE {} SET rowid = rowid + 100", "INSERT OR REPLACE INTO {}"]
)
def test_what_is_written_is_never_changed(store, log, begin, solve, table, change):
    begin(settings={"parcels": 400})[1].act("look")
    solve(begin()[1])
    log.event("mined", {})
    before = store.read(f"SELECT * FROM {table}")
    assert before
    if change.startswith("INSERT"):
        columns = ", ".join(name for name in before[0] if name != "env")
        change += (
            f" ({columns}, env) SELECT {columns}, 'x' FROM {{}}"
            if "env" in before[0]
            else " SELECT * FROM {}"
        )
    if change.startswith("INSERT") and table in ("blobs", "tasks"):
        store.connection.execute(change.format(table, table))
    else:
        with pytest.raises(sqlite3.IntegrityError, match=r"append-only|taken|exists|closed"):
            store.connection.execute(change.format(table, table))
    assert store.read(f"SELECT * FROM {table}") == before


def test_a_turn_that_is_taken_is_refused_and_the_first_stays(log, sessions, begin):
    session_id, _ = begin()
    log.append(session_id, a_step(result="first"))
    with pytest.raises(TurnTaken, match=f"turn 1 of session {session_id} is in the log already"):
        log.append(session_id, a_step(result="second"))
    assert [step.result for step in sessions.steps(session_id)] == ["first"]


def test_a_turn_that_would_leave_a_gap_is_refused(log, sessions, begin):
    session_id, _ = begin()
    with pytest.raises(TurnTaken, match="does not follow"):
        log.append(session_id, a_step(2))
    assert list(sessions.steps(session_id)) == []


def test_a_session_nobody_started_takes_no_steps(log):
    with pytest.raises(SessionEnded, match="there is no session"):
        log.append(new_session_id(), a_step())


def test_the_end_of_an_episode_is_written_with_its_last_step(sessions, begin, solve):
    session_id, episode = begin()
    solve(episode)
    session = sessions.get(session_id, None)
    assert session.reason == "episode"
    assert session.total_reward == pytest.approx(episode.total_reward, abs=1e-12)
    assert session.outcome == {"success": True, "violations": [], "regret": None}
    assert session.success is True
    assert session.ended_at == session.last_time
    assert session.tokens > 0


def test_a_closed_session_takes_no_more_steps_and_closing_again_changes_nothing(log, sessions, begin):
    session_id, episode = begin()
    episode.act("look")
    log.close(session_id, "idle")
    log.close(session_id, "crashed")
    with pytest.raises(SessionEnded, match="is closed"):
        episode.act("look")
    session = sessions.get(session_id, None)
    assert (session.reason, session.steps, session.total_reward) == ("idle", 1, -0.01)


def test_a_large_result_is_stored_once(store, begin):
    _, episode = begin(settings={"parcels": 400})
    first = episode.act("look")
    episode.act("look")
    [blob] = store.read("SELECT * FROM blobs")
    assert json.loads(blob["body"]) == first.result
    assert [row["result"] for row in store.read("SELECT result FROM steps")] == [None, None]


def test_steps_of_many_tasks_are_all_written(log, sessions, begin):
    started = [begin(seed) for seed in range(20)]

    async def play(session_id, episode):
        for _ in range(5):
            await log.append_shared(session_id, episode.play("look", {}))

    async def main():
        async with anyio.create_task_group() as group:
            for session_id, episode in started:
                group.start_soon(play, session_id, episode)

    commits = []
    log.store.connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    anyio.run(main)
    assert [sessions.get(session_id, None).steps for session_id, _ in started] == [5] * 20
    assert len(commits) == 5


def test_in_a_shared_commit_a_taken_turn_fails_its_own_caller_alone(log, sessions, begin):
    ids = [begin(seed)[0] for seed in range(4)]
    log.append(ids[1], a_step(result="first"))
    told = {}

    async def play(session_id, step):
        try:
            await log.append_shared(session_id, step)
        except TurnTaken as error:
            told[session_id] = str(error)

    async def main():
        async with anyio.create_task_group() as group:
            for session_id in ids:
                step = a_step(result="x" * 5000, terminated=True, outcome={"success": True})
                group.start_soon(play, session_id, step)

    anyio.run(main)
    assert list(told) == [ids[1]]
    assert [sessions.step(session_id, 1).result[:5] for session_id in ids] == [
        "xxxxx",
        "first",
        "xxxxx",
        "xxxxx",
    ]
    assert [sessions.get(session_id, None).open for session_id in ids] == [False, True, False, False]


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in a shared commit"])
def test_what_is_to_be_written_beside_a_step_is_written_only_with_it(store, log, begin, together):
    taken, free = begin(0)[0], begin(1)[0]
    log.append(taken, a_step(result="first"))

    async def play(session_id):
        with contextlib.suppress(TurnTaken):
            await log.append_shared(
                session_id,
                a_step(),
                beside=lambda connection: insert_event(connection, "beside", {"session": session_id}, 0.0),
            )

    async def main():
        async with anyio.create_task_group() as group:
            for session_id in (taken, free):
                if together:
                    group.start_soon(play, session_id)
                else:
                    await play(session_id)

    anyio.run(main)
    [event] = store.read("SELECT body FROM events WHERE kind = 'beside'")
    assert json.loads(event["body"]) == {"session": free}


def test_a_cancelled_callers_step_is_written_all_the_same(log, sessions, begin):
    session_id, _ = begin()

    async def main():
        with anyio.CancelScope() as scope:
            scope.cancel()
            await log.append_shared(session_id, a_step())

    anyio.run(main)
    assert sessions.get(session_id, None).steps == 1


def test_a_task_killed_by_asyncio_leaves_its_step_written(log, sessions, begin):
    import asyncio

    session_id, _ = begin()

    async def main():
        task = asyncio.create_task(log.append_shared(session_id, a_step()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert sessions.get(session_id, None).steps == 1


def test_a_full_disk_fails_the_whole_batch_and_nothing_is_half_written(store, log, sessions, begin):
    ids = [begin(seed)[0] for seed in range(8)]
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    told = []

    async def play(session_id):
        try:
            await log.append_shared(
                session_id, a_step(result=session_id * 90, truncated=True, outcome={"success": False})
            )
        except LogUnavailable as error:
            told.append(str(error))

    async def main():
        async with anyio.create_task_group() as group:
            for session_id in ids:
                group.start_soon(play, session_id)

    anyio.run(main)
    assert len(told) == len(ids)
    assert "full; free some space" in told[0]
    assert store.read("SELECT (SELECT count(*) FROM steps) + (SELECT count(*) FROM session_ends) AS n") == [
        {"n": 0}
    ]
    store.connection.execute("PRAGMA max_page_count = 1000000")
    told.clear()
    anyio.run(main)
    assert told == []
    assert {sessions.get(session_id, None).steps for session_id in ids} == {1}


def test_an_episode_whose_step_was_not_kept_can_be_rebuilt_and_go_on(path, log, sessions, begin):
    from practicum.memory import rebuild

    session_id, episode = begin()
    episode.act("look")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable):
            episode.act("look")
        other.execute("ROLLBACK")
    again = rebuild(sessions, sessions.get(session_id, None))
    log.append(session_id, again.play("look", {}))
    assert [step.turn for step in sessions.steps(session_id)] == [1, 2]


def test_sessions_that_begin_at_the_same_time_share_a_commit_and_one_that_is_refused_leaves_the_rest(
    store, log, sessions
):
    starts = [
        SessionStart(id=new_session_id(), env="parcels-v1", task=Task("parcels", 1, n)) for n in range(50)
    ]
    log.start(starts[7])
    commits = store.commits
    refused = []

    async def begin(start: SessionStart) -> None:
        try:
            await log.start_shared(start)
        except sqlite3.IntegrityError as error:
            refused.append((start.id, str(error)))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for start in starts:
                group.start_soon(begin, start)

    anyio.run(main)
    assert refused == [(starts[7].id, "session exists")]
    assert sessions.count() == 50
    assert store.commits - commits == 1


def test_a_step_that_the_file_cannot_hold_fails_alone(log, sessions, begin):
    ids = [begin(seed)[0] for seed in range(3)]
    unfit = {ids[0]: a_step(thought="\ud800"), ids[1]: a_step(latency_us=2**64)}
    refused = []

    async def play(session_id):
        try:
            await log.append_shared(session_id, unfit.get(session_id, a_step()))
        except (UnicodeEncodeError, OverflowError):
            refused.append(session_id)

    async def main():
        async with anyio.create_task_group() as group:
            for session_id in ids:
                group.start_soon(play, session_id)

    anyio.run(main)
    assert sorted(refused) == sorted(unfit)
    assert [sessions.get(session_id, None).steps for session_id in ids] == [0, 0, 1]
