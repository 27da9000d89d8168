"""Rules: repeats, setbacks and guesses cost, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import Episode, Step, find
from practicum.envs.domains import domain, domains
from practicum.envs.wrappers import RewardFunction
from practicum.memory import Sessions, Store
from practicum.training.agents import RandomAgent, play_episode, scripted_agent
from practicum.training.rollouts import collect
from practicum.training.rubrics import make_reward, make_reward_fn, score_steps, track_of
from practicum.training.rubrics.information import Told
from practicum.training.rubrics.rules import Rules, rules_version
from practicum.training.rubrics.weights import efficiency
from tests.mcp_server.clients import PARCELS
from tests.training.scored import BOOKING, FLIGHT, a_call, a_track, by_calls, by_script

LOOK = {"read_only": True}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


def newness(*steps: Step, profile: str = "generic") -> list[float]:
    return [scores.rubrics["non_redundancy"] for scores in score_steps(a_track(*steps, profile=profile))]


def information(*steps: Step, profile: str = "generic", **known: object) -> list[float]:
    return [scores.information for scores in score_steps(a_track(*steps, profile=profile, **known))]


# Redundancy --------------------------------------------------------------------


def test_the_same_look_at_an_unchanged_world_is_worth_nothing() -> None:
    assert newness(a_call(1, "look", **LOOK), a_call(2, "look", **LOOK)) == [1, 0]


def test_a_look_after_something_changed_is_new() -> None:
    steps = a_call(1, "look", **LOOK), a_call(2, "store", {"parcel": "P0"}), a_call(3, "look", **LOOK)
    assert newness(*steps) == [1, 1, 1]


def test_a_look_that_is_answered_otherwise_is_new() -> None:
    assert newness(a_call(1, "look", result="1", **LOOK), a_call(2, "look", result="2", **LOOK)) == [1, 1]


def test_what_lies_between_two_equal_looks_does_not_matter_unless_it_changes_the_world() -> None:
    refused = a_call(2, "store", {"parcel": "P9"}, error="no such parcel")
    other = a_call(3, "read", {"page": 2}, **LOOK)
    assert newness(a_call(1, "look", **LOOK), refused, other, a_call(4, "look", **LOOK)) == [1, 1, 1, 0]


def test_a_refused_call_made_again_is_worth_nothing() -> None:
    assert newness(*[a_call(turn, "pay", error="no card") for turn in (1, 2)]) == [1, 0]


def test_a_change_made_again_at_once_with_the_same_answer_is_worth_little() -> None:
    assert newness(a_call(1, "restart"), a_call(2, "restart")) == [1, 0.3]


def test_a_change_made_again_that_earns_something_is_new() -> None:
    earning = [a_call(turn, "press", terms={"step": -0.01, "pressed": 0.1}) for turn in (1, 2)]
    assert newness(*earning) == [1, 1]


def test_null_and_absent_arguments_make_the_same_call() -> None:
    assert newness(a_call(1, "look", {"page": None}, **LOOK), a_call(2, "look", **LOOK)) == [1, 0]


# Regression --------------------------------------------------------------------


def test_a_term_that_was_earned_and_is_taken_back_counts_by_how_much_of_it_is_left() -> None:
    stored = [a_call(turn, "store", {"parcel": f"P{turn}"}, terms={"stored": 0.05}) for turn in (1, 2)]
    back = a_call(3, "take_out", {"parcel": "P1"}, terms={"stored": -0.05})
    assert newness(*stored, back) == [1, 1, pytest.approx(0.5)]


def test_bad_luck_that_takes_nothing_back_is_no_setback() -> None:
    assert newness(a_call(1, "pay", terms={"payment_failed": -0.05})) == [1]


def test_an_emptied_cart_is_a_setback_where_the_domain_says_that_carts_are_filled() -> None:
    full, empty = ({"cart": {"items": items}} for items in ([{"flight_id": "IB1"}], []))
    steps = a_call(1, "add_to_cart", {"flight_id": "IB1"}, full), a_call(2, "restart", {}, empty)
    assert newness(*steps, profile="travel") == [1, 0]
    assert newness(*steps, profile="generic") == [1, 1]


def test_a_cart_that_is_emptied_in_flight_is_a_setback(store) -> None:
    task = FLIGHT.make_task(3, kind="book", p_sold_out=0.0)
    found = Episode(FLIGHT(), task).act("search_flights").result["flights"]
    adding = ("add_to_cart", {"flight_id": found[-1]["id"]})
    session = by_calls(store, ("search_flights", {}), adding, ("remove_from_cart", {}), task=task)
    last = score_steps(track_of(Sessions(store), session))[2]
    assert last.why == {"non_redundancy": "leaves less in /cart/items"}


def test_an_edit_that_takes_back_an_earlier_one_is_a_setback() -> None:
    edit = {"path": "a.py", "old": "x = 1", "new": "x = 2"}
    undo = {"path": "a.py", "old": "x = 2", "new": "x = 1"}
    steps = a_call(1, "edit_file", edit), a_call(2, "run_tests"), a_call(3, "edit_file", undo)
    assert newness(*steps, profile="coding") == [1, 1, 0]


def test_looking_for_the_way_back_undoes_nothing() -> None:
    there = a_call(1, "search_flights", {"from": "SFO", "to": "MAD"}, "no")
    back = a_call(2, "search_flights", {"from": "MAD", "to": "SFO"}, "some")
    assert newness(there, back, profile="travel") == [1, 1]


# Information -------------------------------------------------------------------


def test_an_argument_that_the_task_or_an_answer_told_is_used_information() -> None:
    search = a_call(1, "find", {"city": "Madrid"}, {"rows": [{"id": "IB6123", "price": 450}]})
    choose = a_call(2, "choose", {"id": "ib6123", "price": 450.0})
    assert information(search, choose, instruction="Fly to Madrid.") == [1, 1]


def test_an_argument_that_nobody_told_is_a_guess_and_named() -> None:
    step = a_call(1, "choose", {"id": "IB9999", "city": "Madrid"})
    (scores,) = score_steps(a_track(step, instruction="Fly to Madrid."))
    assert scores.information == 0.5
    assert scores.why == {"info_utilization": "nobody told id"}


def test_what_is_told_later_does_not_excuse_a_guess() -> None:
    assert information(a_call(1, "choose", {"id": "IB6123"}, {"id": "IB6123"})) == [0]


@pytest.mark.parametrize("arguments", [{}, {"page": 3}, {"direct": True}, {"airline": None}, {"note": ""}])
def test_choices_are_no_information(arguments) -> None:
    assert information(a_call(1, "find", arguments)) == [1]


def test_words_of_the_agents_own_are_no_guess() -> None:
    speech = {"message": "Good afternoon"}
    assert information(a_call(1, "respond", speech), profile="retail") == [1]
    long = " ".join(f"word{n}" for n in range(40))
    assert information(a_call(1, "create_note", {"text": long})) == [1]


def test_of_several_words_the_share_counts_that_was_told() -> None:
    step = a_call(1, "find", {"name": "Mia Keller"})
    assert information(step, instruction="I am Mia.") == [0.5]


@pytest.mark.parametrize(("day", "share"), [("2026-03-01", 1), ("2026-02-26", 1), ("2026-03-09", 0)])
def test_a_day_near_to_one_that_was_told_follows_from_it(day, share) -> None:
    step = a_call(1, "find", {"date": day})
    assert information(step, instruction="Fly on 2026-03-01, or a day earlier.") == [share]


def test_every_item_of_a_list_counts() -> None:
    step = a_call(1, "exchange", {"items": ["100200", "300400"]})
    assert information(step, params={"items": ["100200"]}) == [0.5]


def test_all_that_the_flight_script_uses_was_told(store) -> None:
    """The coupons stand in the first observation, the card in the parameters, the flights in the answers."""
    session = by_script(store)
    scores = score_steps(track_of(Sessions(store), session))
    assert [each.information for each in scores] == [1.0] * session.steps


@pytest.mark.parametrize(
    "shown", [b"Madrid", {1, 2}, object(), float("nan"), {"deep": [None, True, {"x": {3}}]}]
)
def test_what_is_no_plain_json_tells_nothing_and_does_no_harm(shown) -> None:
    told = Told(shown)
    assert told.used({"city": "Lisbon"}) == (0, ["city"])


@given(st.recursive(st.text() | st.integers() | st.floats(allow_nan=False), st.lists, max_leaves=8))
def test_whatever_was_told_is_known(value) -> None:
    told = Told()
    told.learn({"shown": value})
    assert told.used({"argument": value})[0] == 1


# Together ----------------------------------------------------------------------


@given(st.integers(0, 30))
def test_a_score_draws_on_earlier_steps_alone(seed) -> None:
    steps = play_episode(Episode(FLIGHT(), BOOKING[0]), RandomAgent(seed))
    whole = score_steps(a_track(*steps, profile="travel"))
    for end in range(len(steps)):
        assert score_steps(a_track(*steps[:end], profile="travel")) == whole[:end]


@pytest.mark.parametrize("profile", domains(), ids=lambda profile: profile.name)
def test_every_score_lies_between_0_and_1_in_every_domain(profile) -> None:
    for seed in range(5):
        steps = play_episode(Episode(find(PARCELS)(), find(PARCELS).make_task(seed)), RandomAgent(seed))
        rules = Rules(profile)
        for step in steps:
            assert all(0 <= score <= 1 for score in rules.score(step).rubrics.values())


def test_the_version_changes_with_what_a_profile_says_of_its_tools() -> None:
    assert len({rules_version(profile) for profile in domains()}) == len(domains())


def test_efficiency_holds_the_steps_against_the_shortest_success() -> None:
    assert efficiency(10, 5) == 0.5
    assert efficiency(4, 5) == 1
    assert efficiency(4, None) is None


# Live --------------------------------------------------------------------------


def test_the_live_reward_is_what_the_rules_say_of_the_logged_session(store) -> None:
    task, agent = BOOKING[1], scripted_agent("flight", seed=3, noise=0.5)
    reward = make_reward("travel", scale=0.1)
    steps = play_episode(Episode(RewardFunction(FLIGHT(), reward, "process"), task), agent)
    session = by_script(store, task, noise=0.5, seed=3)
    weights = domain("travel").rubric_weights
    for step, scores in zip(steps, score_steps(track_of(Sessions(store), session)), strict=True):
        total = sum(weights[rubric] for rubric in scores.rubrics)
        mean = sum(weights[rubric] * score for rubric, score in scores.rubrics.items()) / total
        assert step.terms["process"] == pytest.approx(0.1 * (mean - 1))
    assert any(step.terms["process"] < 0 for step in steps)


def test_a_flawless_step_earns_nothing_so_that_no_step_is_worth_making_for_its_own_sake() -> None:
    task = BOOKING[0]
    env = RewardFunction(FLIGHT(), make_reward("travel"), "process")
    steps = play_episode(Episode(env, task), scripted_agent("flight"))
    assert [step.terms["process"] for step in steps] == [0] * len(steps)
    for seed in range(5):
        steps = play_episode(Episode(env, task), RandomAgent(seed))
        assert all(step.terms["process"] <= 0 for step in steps)


def test_the_live_reward_is_taken_by_rollouts_and_may_be_called_with_steps_alone() -> None:
    reward = make_reward_fn(domain="coding")
    (played,) = collect(FLIGHT, RandomAgent(1), tasks=BOOKING[:1], reward_fn=reward)
    assert any("shaped" in step.terms for step in played.steps)
    again = [
        a_call(1, "read_file", {"path": "a.py"}, **LOOK),
        a_call(2, "read_file", {"path": "a.py"}, **LOOK),
    ]
    assert reward(again[:1]) == 0
    assert reward(again) == pytest.approx(-0.1)


def test_episodes_that_share_a_reward_do_not_know_of_each_other() -> None:
    reward = make_reward("travel")
    first, second = (Episode(RewardFunction(FLIGHT(), reward), BOOKING[0]) for _ in range(2))
    for _ in range(2):
        assert first.act("search_flights").terms["shaped"] == second.act("search_flights").terms["shaped"]
