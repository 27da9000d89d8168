"""Fork: a new session that begins with the first steps of an old one."""

from __future__ import annotations

import sqlite3

import pytest

from practicum.envs import UsageError
from practicum.memory import Divergence, fork, rebuild, replay


def test_a_fork_at_every_turn_replays_and_goes_on(log, sessions, begin, solve):
    session_id, episode = begin()
    solve(episode)
    for turn in range(episode.turn + 1):
        new_id = fork(log, sessions, session_id, turn, "local")
        new = sessions.get(new_id, "local")
        assert replay(sessions, new_id).agrees
        assert list(sessions.steps(new_id)) == list(sessions.steps(session_id, 1, turn))
        assert (new.parent, new.parent_turn, new.steps, new.open) == (
            session_id,
            turn,
            turn,
            turn < episode.turn,
        )
        again = rebuild(sessions, new)
        if not again.over:
            log.append(new_id, again.play("look", {}))
    assert sessions.get(session_id, None).steps == episode.turn


def test_a_fork_of_a_wrapped_world_goes_on_as_its_parent_did(log, sessions, begin, parcels):
    session_id, episode = begin(env=f"{parcels}+time_budget=600+failing=0.3+lost=0.3+failing=0.2")
    for number in range(12):
        episode.act(
            *[("look", {}), ("store", {"parcel": f"P{number % 5}", "locker": f"L{number % 3}"})][number % 2]
        )
    for turn in range(episode.turn):
        again = rebuild(sessions, sessions.get(fork(log, sessions, session_id, turn, "local"), None))
        for step in sessions.steps(session_id, turn + 1):
            assert told(again.play(step.tool, step.arguments)) == told(step)


def told(step):
    """All of a step but the time it took and was played at."""
    return (step.turn, step.result, step.error, step.terms, step.done, step.outcome)


def test_a_fork_of_an_ended_session_has_its_end(log, sessions, begin, solve):
    session_id, episode = begin()
    solve(episode)
    old, new = (
        sessions.get(name, None)
        for name in (session_id, fork(log, sessions, session_id, episode.turn, "local"))
    )
    assert (new.reason, new.outcome, new.total_reward, new.tokens) == (
        old.reason,
        old.outcome,
        old.total_reward,
        old.tokens,
    )
    assert new.ended_at == new.last_time == new.started_at > old.ended_at


def test_a_fork_belongs_to_whoever_asked_for_it(log, sessions, begin):
    session_id, _ = begin(client_name="theirs", client_version="1", token_hash="t0")
    new = sessions.get(fork(log, sessions, session_id, 0, "local", client_name="mine", token_hash="t1"), None)
    assert (new.client_name, new.client_version, new.token_hash) == ("mine", None, "t1")


def test_a_fork_can_be_forked(log, sessions, begin, solve):
    session_id, episode = begin()
    solve(episode)
    child = fork(log, sessions, session_id, 3, "local")
    grandchild = fork(log, sessions, child, 2, "local")
    assert sessions.get(grandchild, None).parent == child
    assert replay(sessions, grandchild).agrees


def test_large_results_are_shared_with_the_fork(log, store, sessions, begin):
    session_id, episode = begin(settings={"parcels": 400})
    step = episode.act("look")
    new_id = fork(log, sessions, session_id, 1, "local")
    assert sessions.step(new_id, 1) == step
    assert len(store.read("SELECT * FROM blobs")) == 1


def test_a_diverging_session_is_not_forked(log, store, sessions, begin):
    session_id, episode = begin()
    episode.act("look")
    store.connection.execute("DROP TRIGGER steps_refuses_update")
    store.connection.execute("UPDATE steps SET reward = 7")
    with pytest.raises(Divergence):
        fork(log, sessions, session_id, 1, "local")
    assert len(sessions.list(None)) == 1
    assert sessions.get(fork(log, sessions, session_id, 0, "local"), None).steps == 0


@pytest.mark.parametrize("turn", [-1, 2])
def test_there_is_no_fork_at_a_turn_that_the_session_does_not_have(log, sessions, begin, turn):
    session_id, episode = begin()
    episode.act("look")
    with pytest.raises(UsageError, match="has 1 steps"):
        fork(log, sessions, session_id, turn, "local")


def test_a_foreign_session_cannot_be_forked_and_looks_unknown(log, sessions, begin):
    session_id, _ = begin(principal="ann")
    with pytest.raises(UsageError, match="no session"):
        fork(log, sessions, session_id, 0, "bob")


def test_a_fork_of_an_evaluation_stays_one(log, sessions, begin):
    session_id, _ = begin(purpose="evaluation")
    assert (
        sessions.get(fork(log, sessions, session_id, 0, "local", purpose="practice"), None).purpose
        == "evaluation"
    )


def test_a_fork_of_practice_can_be_an_evaluation(log, sessions, begin):
    session_id, episode = begin()
    episode.act("look")
    new_id = fork(log, sessions, session_id, 1, "local", purpose="evaluation")
    assert sessions.get(new_id, None).purpose == "evaluation"
    assert sessions.get(session_id, None).purpose == "practice"


def test_a_fork_has_the_min_try_of_its_parent(log, sessions, begin):
    session_id, episode = begin(min_try=3)
    episode.act("look")
    for turn, min_try in ((0, None), (1, None), (1, 3)):
        new_id = fork(log, sessions, session_id, turn, "local", min_try=min_try)
        assert sessions.get(new_id, None).min_try == 3


def test_a_fork_before_the_first_turn_may_have_a_min_try_of_its_own(log, sessions, begin):
    session_id, episode = begin(min_try=3)
    episode.act("look")
    new_id = fork(log, sessions, session_id, 0, "local", min_try=2)
    assert sessions.get(new_id, None).min_try == 2
    assert rebuild(sessions, sessions.get(new_id, None)).opening.min_try == 2
    with pytest.raises(UsageError, match=r"was played with min_try 3, .* fork it at 0 to play with 2"):
        fork(log, sessions, session_id, 1, "local", min_try=2)


def test_a_fork_that_cannot_be_written_whole_is_not_written_at_all(log, store, sessions, begin, monkeypatch):
    session_id, episode = begin()
    episode.act("look")
    store.connection.execute(
        "CREATE TRIGGER no_room BEFORE INSERT ON steps BEGIN SELECT RAISE(ABORT, 'no room'); END"
    )
    with pytest.raises(sqlite3.IntegrityError):
        fork(log, sessions, session_id, 1, "local")
    assert [session.id for session in sessions.list(None)] == [session_id]
