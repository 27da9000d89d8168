"""Suggestions: drawn from the log, the same for every process, with a control group; and search by votes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import _skills_choice
from practicum.envs import Episode
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.memory import Log, SessionRecorder, SessionStart, Store, new_session_id
from practicum.skills.bandit import control_share
from practicum.skills.interpreter import play
from practicum.skills.library import Entry, Library, use_of
from practicum.skills.suggestions import Suggestion, Suggestions, found_first
from practicum.training.agents import play_episode, scripted_agent
from tests.skills.flights import BOOKING, CANCEL, GIVE_UP, a_skill, call, only

REFUND = a_skill(
    "skill_refund_booking",
    call("a", "cancel_booking", BOOKING),
    call("b", "request_refund", BOOKING),
    pre=only("refund"),
    description="Pays back.",
)


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


def entry(skill, hits=20, misses=0, number=1) -> Entry:
    return Entry(skill, "published", "local", False, number, hits, misses, 0, 0, 0, None)


def play_in(store, seed, skill=None, **settings) -> str:
    """A session of the log, by a skill or by hand, to its end."""
    task = FlightBookingEnv.make_task(seed, **settings)
    session = new_session_id()
    Log(store).start(SessionStart(id=session, env="flight-v1", task=task))
    episode = Episode(FlightBookingEnv(), task, recorder=SessionRecorder(Log(store), session))
    if skill is None:
        play_episode(episode, scripted_agent("flight"))
        return session
    finish = play(skill, episode)
    success = episode.last.outcome["success"]
    Library(store).used(
        use_of(skill, finish, session=session, turn=1, arguments={}, success=success, told={})
    )
    return session


def draw(store, session, params, *entries, principal="local", drawer=None) -> Suggestion:
    drawer = drawer or Suggestions(store)
    return drawer.draw(session, entries, principal=principal, params=params)


def shares(store, params, *entries, times=300):
    drawer = Suggestions(store)
    drawn = [draw(store, f"{n:032x}", params, *entries, drawer=drawer) for n in range(times)]
    return {each: drawn.count(each) / times for each in set(drawn)}


TASK = {"kind": "cancel"}


def test_without_a_skill_that_the_task_is_for_there_is_nothing_to_suggest_and_no_control_group(store):
    assert draw(store, "a" * 32, TASK) == Suggestion(None)
    assert draw(store, "a" * 32, TASK, entry(REFUND)) == Suggestion(None)


def test_the_first_session_is_always_in_the_control_group_and_later_ones_ever_less(store):
    assert shares(store, TASK, entry(CANCEL)) == {Suggestion(None, control=True): 1}
    for seed in range(24):
        play_in(store, seed, kind="cancel", feasible=True)
    found = shares(store, TASK, entry(CANCEL), times=1_000)
    assert found[Suggestion(None, control=True)] == pytest.approx(control_share(25), abs=0.04)
    assert min(found[Suggestion("skill_cancel_booking")], found[Suggestion(None)]) > 0.2


def test_the_session_id_decides_whichever_process_draws(store):
    for seed in range(9):
        play_in(store, seed, kind="cancel")
    sessions = [f"{n:032x}" for n in range(40)]
    long_running = Suggestions(store)
    first = [draw(store, s, TASK, entry(CANCEL), drawer=long_running) for s in sessions]
    assert [draw(store, s, TASK, entry(CANCEL)) for s in sessions] == first
    assert len(set(first)) > 1


def test_what_ends_meanwhile_is_learnt_before_the_next_draw(store):
    for seed in range(30):
        play_in(store, seed, kind="cancel", feasible=True)
    drawer = Suggestions(store)
    known = drawer.past("local", "flight", 1)
    assert known.sessions == 30
    for seed in range(30, 60):
        play_in(store, seed, GIVE_UP, kind="cancel", feasible=True)
    assert drawer.past("local", "flight", 1).sessions == 60
    assert "skill_give_up 1" in known.bandit.moments
    params = FlightBookingEnv.make_task(99, kind="cancel", feasible=True).params
    drawn = shares(store, params, entry(GIVE_UP))
    assert drawn.get(Suggestion("skill_give_up"), 0) < 0.02


def test_nobody_learns_from_the_sessions_of_another_principal(store):
    for seed in range(30):
        play_in(store, seed, kind="cancel", feasible=True)
    assert draw(store, "b" * 32, TASK, entry(CANCEL), principal="ann").control


ENTRIES = [entry(GIVE_UP, number=1), entry(CANCEL, number=2), entry(REFUND, number=3)]


def names(found: list[Entry]) -> list[str]:
    return [each.skill.name.removeprefix("skill_") for each in found]


def search(store, query, entries=ENTRIES):
    return names(found_first(store, entries, query, principal="local", env="flight"))


def test_past_tasks_vote_for_the_skills_that_did_them(store):
    for seed in range(6):
        play_in(store, seed, CANCEL, kind="cancel", feasible=True)
        play_in(store, seed, REFUND, kind="refund", feasible=True)
    cancel, refund = (
        FlightBookingEnv.make_task(99, kind=kind, feasible=True).instruction for kind in ("cancel", "refund")
    )
    assert search(store, cancel)[0] == "cancel_booking"
    assert search(store, refund)[0] == "refund_booking"


def test_sessions_by_hand_vote_for_the_skills_that_make_their_last_call(store):
    for seed in range(6):
        play_in(store, seed, kind="refund", feasible=True)
    instruction = FlightBookingEnv.make_task(99, kind="refund", feasible=True).instruction
    assert search(store, instruction)[0] == "refund_booking"


def test_where_nothing_was_played_words_decide_and_then_the_order_of_mining(store):
    assert search(store, "please cancel the booking") == ["cancel_booking", "refund_booking", "give_up"]
    assert search(store, "zzz") == ["give_up", "cancel_booking", "refund_booking"]
    assert search(store, "", []) == []


def test_votes_of_past_tasks_find_more_than_words_do():
    found = _skills_choice.search_recall(120, 40)
    assert found["votes_at_3"] > 0.75 > found["words_at_3"]
