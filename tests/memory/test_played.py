"""Played: what each finished session of practice was played with, in the order of the ends."""

from __future__ import annotations

import pytest

from practicum.envs import Episode
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.memory import Log, SessionRecorder, SessionStart, Store, fork, new_session_id
from practicum.memory import Sessions as LoggedSessions
from practicum.memory.played import PlayedSession, played_after, successes_among
from practicum.skills.interpreter import play
from practicum.skills.library import Library, use_of
from tests.skills.flights import CANCEL


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


def play_in(store, seed, *calls, skill=None, **start):
    """A session of a cancellation that can be done; returns its id."""
    task = FlightBookingEnv.make_task(seed, kind="cancel", feasible=True)
    session = new_session_id()
    Log(store).start(SessionStart(id=session, env="flight-v1", task=task, **start))
    episode = Episode(FlightBookingEnv(), task, recorder=SessionRecorder(Log(store), session))
    if skill is not None:
        finish = play(skill, episode)
        use = use_of(skill, finish, session=session, turn=1, arguments={}, success=True, told={})
        Library(store).used(use)
    for tool, arguments in calls:
        mine = {"booking_id": (episode.opening.observation["booking"] or {}).get("id")}
        episode.act(tool, mine if arguments is None else arguments)
    return session


SEARCH = ("search_flights", {"from": "SFO", "to": "MAD", "date": "2025-10-15"})
DONE = ("cancel_booking", None)


def played(store, after=0, **which):
    return list(played_after(store, after, **{"principal": "local", "env": "flight", "version": 1, **which}))


def outline(each: PlayedSession):
    return each.skill, each.version, each.success, each.decisions


def test_a_run_of_a_skill_is_one_decision_and_each_call_by_hand_another(store):
    play_in(store, 1, SEARCH, SEARCH, DONE)
    play_in(store, 2, skill=CANCEL)
    play_in(store, 3, SEARCH, ("abort", {}))
    assert [outline(each) for each in played(store)] == [
        (None, None, True, 3),
        ("skill_cancel_booking", 1, True, 1),
        (None, None, False, 2),
    ]
    assert played(store)[0].params == FlightBookingEnv.make_task(1, kind="cancel", feasible=True).params


def test_only_finished_sessions_of_practice_of_that_principal_and_world_count(store):
    session = play_in(store, 1, DONE)
    play_in(store, 2, SEARCH)
    for purpose in ("evaluation", "verification"):
        play_in(store, 3, DONE, purpose=purpose)
    play_in(store, 4, DONE, principal="ann")
    fork(Log(store), LoggedSessions(store), session, 1, "local")
    assert len(played(store)) == 1
    assert len(played(store, principal="ann")) == 1
    assert played(store, env="retail") == played(store, version=2) == []


def test_reading_goes_on_after_a_number_or_begins_with_the_last_so_many(store):
    for seed in range(5):
        play_in(store, seed, DONE)
    every = played(store)
    assert played(store, every[1].number) == every[2:]
    assert played(store, last=2) == every[3:]
    assert played(store, last=9) == every
    assert played(store, every[3].number, last=2) == every[4:]


def test_successes_tell_what_was_run_and_the_last_call(store):
    by_hand, skilled = play_in(store, 1, SEARCH, DONE), play_in(store, 2, skill=CANCEL)
    wrong, unfinished = play_in(store, 3, ("abort", {})), play_in(store, 4, SEARCH)
    found = {each.session: each for each in successes_among(store, [by_hand, skilled, wrong, unfinished])}
    assert set(found) == {by_hand, skilled}
    assert (found[by_hand].skills, found[by_hand].last_tool) == ((), "cancel_booking")
    assert found[skilled].skills == ("skill_cancel_booking",)
    assert successes_among(store, []) == []
