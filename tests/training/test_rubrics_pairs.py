"""Preference pairs: of one task each, the better one first, where they part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import UsageError
from practicum.memory import Sessions, Store, forget
from practicum.memory.preferences import Preferences
from practicum.memory.ratings import Rating, Ratings
from practicum.training.rubrics import PreferenceBuilder
from practicum.training.rubrics.pairs import Contender, pairs_of
from tests.skills.logged import TASKS, log_calls
from tests.training.scored import BOOKING, FLIGHT, by_calls, by_chance, by_script


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


def contender(
    name: str, calls: str, success: bool | None = True, score: float | None = 1.0, **more
) -> Contender:
    """A session whose calls are letters, each answered with the same letter."""
    return Contender(name, success, score, tuple((call, call) for call in calls), **more)


def told(*contenders: Contender, delta: float = 0.1) -> set[tuple[str, int, str, str]]:
    return {(p.kind, p.turn, p.chosen, p.rejected) for p in pairs_of("t", contenders, delta=delta)}


def test_success_is_preferred_to_failure() -> None:
    assert told(contender("bad", "x", success=False), contender("good", "y")) == {
        ("outcome", 1, "good", "bad")
    }


def test_of_equal_outcomes_the_higher_score_is_preferred_if_it_is_far_enough() -> None:
    better, worse = contender("better", "x", score=0.9), contender("worse", "y", score=0.7)
    assert told(worse, better) == {("score", 1, "better", "worse")}
    assert told(worse, better, delta=0.3) == set()


def test_the_best_is_paired_with_the_worst_and_so_on_inwards() -> None:
    four = [contender(f"s{place}", str(place), score=place / 4) for place in range(4)]
    assert told(*four) == {("score", 1, "s3", "s0"), ("score", 1, "s2", "s1")}


def test_where_sessions_part_the_way_that_ended_well_is_preferred_from_that_turn_on() -> None:
    good, bad = contender("good", "abc"), contender("bad", "abd", success=False)
    assert told(good, bad) == {("outcome", 1, "good", "bad"), ("outcome", 3, "good", "bad")}


def test_where_both_ways_end_alike_the_steps_own_reward_tells() -> None:
    one = contender("one", "ab", rewards={1: 1.0, 2: 1.0})
    other = contender("other", "ac", rewards={1: 1.0, 2: 0.4})
    assert told(one, other) == {("score", 2, "one", "other")}


def test_equal_calls_with_other_answers_are_no_common_beginning() -> None:
    one = Contender("one", True, 1.0, (("a", "1"), ("b", "b")))
    other = Contender("other", False, 1.0, (("a", "2"), ("c", "c")))
    assert told(one, other) == {("outcome", 1, "one", "other")}


def test_sessions_that_did_the_very_same_are_no_pair() -> None:
    assert told(contender("one", "ab", success=True), contender("other", "ab", success=False)) == set()


def test_people_make_pairs_of_whole_sessions_and_of_steps() -> None:
    one = contender("one", "ab", ratings={1: 1.0, 2: 1.0})
    other = contender("other", "ac", ratings={1: 1.0, 2: 0.0})
    assert told(one, other) == {("rating", 1, "one", "other"), ("rating", 2, "one", "other")}


def test_a_session_whose_end_is_unknown_is_compared_by_people_alone() -> None:
    open_end = contender("open", "x", success=None, score=0.1, ratings={1: 0.0})
    assert told(open_end, contender("done", "y", ratings={1: 1.0})) == {("rating", 1, "done", "open")}


contenders = st.lists(
    st.tuples(st.text("abc", max_size=5), st.none() | st.booleans(), st.none() | st.floats(0, 1)), max_size=8
)


@given(contenders, st.floats(0.01, 0.9))
def test_every_pair_has_a_margin_and_two_sessions_that_did_not_do_the_same(drawn, delta) -> None:
    known = {
        str(place): contender(str(place), calls, success, score)
        for place, (calls, success, score) in enumerate(drawn)
    }
    for pair in pairs_of("t", list(known.values()), delta=delta):
        one, other = known[pair.chosen], known[pair.rejected]
        assert pair.margin > 0
        assert one.deeds != other.deeds
        assert one.deeds[: pair.turn - 1] == other.deeds[: pair.turn - 1]
        if pair.turn > 1:
            assert one.deeds[pair.turn - 1][0] != other.deeds[pair.turn - 1][0]
        if pair.kind == "outcome":
            assert (one.success, other.success) == (True, False)


@given(contenders)
def test_no_two_pairs_of_a_kind_contradict_each_other(drawn) -> None:
    known = [contender(str(p), calls, success, score) for p, (calls, success, score) in enumerate(drawn)]
    found = {(pair.kind, pair.turn, pair.chosen, pair.rejected) for pair in pairs_of("t", known)}
    assert not any((kind, turn, rejected, chosen) in found for kind, turn, chosen, rejected in found)


# In the log --------------------------------------------------------------------


def test_pairs_of_the_log_are_of_one_task_each_and_kept_once(store) -> None:
    for task in BOOKING:
        for seed in range(3):
            by_script(store, task, noise=0.3, seed=seed)
            by_chance(store, task, seed=seed)
    found = list(PreferenceBuilder(store).build())
    sessions = Sessions(store)
    tasks = {each.id: each.task.hash for each in sessions.list(None, limit=100)}
    assert {pair.task for pair in found} == {task.hash for task in BOOKING}
    assert all(tasks[pair.chosen] == tasks[pair.rejected] == pair.task for pair in found)
    assert list(PreferenceBuilder(store).build()) == found
    assert list(Preferences(store).read()) == found


logged = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.booleans()),
    max_size=10,
)


@settings(max_examples=20, deadline=None)
@given(logged)
def test_whatever_stands_in_the_log_pairs_are_of_one_task_each(drawn) -> None:
    with TemporaryDirectory() as folder, closing(Store.open(Path(folder) / "practicum.db")) as store:
        task_of = {
            log_calls(store, number, calls, task=TASKS[place], success=success): TASKS[place].hash
            for number, (place, calls, success) in enumerate(drawn)
        }
        for pair in PreferenceBuilder(store, delta=0.01).build():
            assert task_of[pair.chosen] == task_of[pair.rejected] == pair.task


def test_evaluations_other_splits_and_other_peoples_sessions_make_no_pairs(store) -> None:
    test = FLIGHT.tasks(kind="book").split("test").take(1)[0]
    for start in ({"purpose": "evaluation"}, {"task": test}, {"principal": "ann"}):
        by_script(store, **start)
        by_calls(store, ("search_flights", {}), ("abort", {}), **start)
    assert list(PreferenceBuilder(store).build(principal="local")) == []
    assert {pair.task for pair in PreferenceBuilder(store).build(principal="ann")} == {BOOKING[0].hash}
    assert {pair.task for pair in PreferenceBuilder(store).build(split="test")} == {test.hash}


def test_what_people_say_makes_pairs_of_sessions_in_the_log(store) -> None:
    first = by_calls(store, ("search_flights", {}), ("abort", {}))
    second = by_calls(store, ("search_flights", {}), ("search_flights", {"page": 1}), ("abort", {}))
    for session, rating in ((first, 5), (second, 1)):
        Ratings(store).add(Rating(session.id, 2, "ann", rating))
    found = {(pair.kind, pair.turn, pair.chosen) for pair in PreferenceBuilder(store).build()}
    assert {("rating", 1, first.id), ("rating", 2, first.id)} <= found


def test_a_forgotten_session_is_in_no_pair(store) -> None:
    good = by_script(store)
    bad = by_calls(store, ("search_flights", {}), ("abort", {}))
    assert {pair.chosen for pair in PreferenceBuilder(store).build()} == {good.id}
    forget(store, [bad.id])
    assert list(Preferences(store).read()) == []


@pytest.mark.parametrize("delta", [0, -1, 1.5, float("nan")])
def test_a_gap_that_is_none_is_refused(store, delta) -> None:
    with pytest.raises(UsageError, match="more than 0 and at most 1"):
        PreferenceBuilder(store, delta=delta)
