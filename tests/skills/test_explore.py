"""Exploring: the signals are incremental, survive JSON, and mean what they say on real episodes."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import Episode, find
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.skills.explore import ForwardModel, Novelty, Potential, SelfConsistency, abstract_state
from practicum.training.agents import play_episode, scripted_agent

PARCELS = f"{Path(__file__).parents[2] / 'examples' / 'parcel_lockers.py'}:ParcelLockers"
NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=40)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
JSON = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=6), parts, max_size=4),
)


def _through_json(signal):
    return type(signal).from_json(json.loads(json.dumps(signal.as_json())))


@pytest.fixture(scope="module")
def bookings():
    """Sessions that ended with a ticket: the opening, then what each tool answered last."""
    sessions = []
    for seed in range(40):
        task = FlightBookingEnv.make_task(seed, kind="book", feasible=True)
        episode = Episode(FlightBookingEnv(), task)
        steps = play_episode(episode, scripted_agent("flight", seed=seed))
        answers = {s.tool: {"arguments": s.arguments, "result": s.result} for s in steps}
        sessions.append({"opening": episode.opening.observation} | answers)
    return sessions


# Abstract states


@given(JSON, JSON)
def test_every_result_has_a_state_which_follows_from_it_alone(result, opening):
    state = abstract_state(result, opening)
    assert state == abstract_state(json.loads(json.dumps(result)), json.loads(json.dumps(opening)))
    json.loads(state)


def test_a_state_tells_situations_apart_and_not_flights(bookings):
    carts = {abstract_state(s["add_to_cart"]["result"], s["opening"]) for s in bookings}
    searches = {abstract_state(s["search_flights"]["result"], s["opening"]) for s in bookings}
    assert not carts & searches
    assert len(carts | searches) <= 6


def test_a_result_of_text_alone_counts_without_its_names():
    assert abstract_state("P0 is in L2; 1 left") == abstract_state("P2 is in L0; 2 left")
    assert abstract_state("P0 is in L2; 1 left") != abstract_state("P0 is out of L2")


def test_an_object_by_id_counts_as_a_table():
    look = {"parcels": {"P0": 1, "P1": 2}, "stored": {}}
    assert abstract_state(look) == abstract_state({"parcels": {"P7": 3, "P8": 2, "P9": 1}, "stored": {}})
    assert abstract_state(look) != abstract_state(look | {"stored": {"P0": "L1", "P1": "L0"}})


def test_what_was_given_at_the_start_says_nothing():
    opening = {"view": "form", "limits": {"budget": 90, "stops": 0}}
    other = {"view": "form", "limits": {"budget": 0, "stops": 2}}
    assert abstract_state(opening, opening) == abstract_state(other, other) == '{"view":"=form"}'


# Novelty


@given(STEPS)
def test_novelty_is_one_over_the_root_of_the_count_and_one_more(steps):
    novelty = Novelty()
    for state, action, _ in steps:
        novelty.observe(state, action)
    for state, action, _ in [*steps, ("never", "never", "")]:
        times = sum((s, a) == (state, action) for s, a, _ in steps)
        assert novelty.bonus(state, action) == pytest.approx(1 / math.sqrt(1 + times))
    assert _through_json(novelty).as_json() == novelty.as_json()


# Learning progress


@given(STEPS, STEPS)
def test_a_forward_model_goes_on_after_json_as_if_nothing_had_happened(before, after):
    model = ForwardModel()
    for step in before:
        model.observe(*step)
    restored = _through_json(model)
    assert [model.observe(*step) for step in after] == [restored.observe(*step) for step in after]
    assert model.as_json() == restored.as_json()
    assert all(0 <= model.learning_progress(s, a) <= 1 for s, a, _ in [*before, *after])


def _fed(followers):
    model = ForwardModel()
    surprisals = [model.observe("s", "a", follower) for follower in followers]
    return model, surprisals


def test_learning_progress_rises_while_there_is_something_to_learn_and_then_vanishes():
    early, _ = _fed(["t"] * 6)
    late, _ = _fed(["t"] * 200)
    assert early.learning_progress("s", "a") > 0.2
    assert late.learning_progress("s", "a") < 0.05


def test_in_a_world_of_chance_progress_vanishes_and_surprisal_does_not():
    coin = np.random.default_rng(0).integers(2, size=400)
    model, surprisals = _fed(["heads" if up else "tails" for up in coin])
    assert model.learning_progress("s", "a") < 0.05
    assert np.mean(surprisals[-50:]) > 0.8
    assert not model.drifts


def test_a_world_that_changes_raises_the_alarm():
    model, _ = _fed(["t"] * 300)
    assert not model.drifts
    for turn in range(40):
        model.observe("s", "a", f"new {turn % 7}")
    assert model.drifts


# Progress potential


@given(st.lists(st.tuples(st.lists(NAMES, max_size=5), st.booleans()), max_size=30))
def test_potential_is_a_probability_shrunk_towards_the_overall_one(episodes):
    potential = Potential(prior=2.0)
    for states, success in episodes:
        potential.observe(states, success=success)
    overall = sum(success for _, success in episodes) / len(episodes) if episodes else 0.0
    for state in "abc":
        judged = [success for states, success in episodes if state in states]
        expected = (sum(judged) + 2 * overall) / (len(judged) + 2)
        assert potential.value(state) == pytest.approx(expected)
        assert potential.progress(state, state) == 0
    assert _through_json(potential).as_json() == potential.as_json()


def test_potential_rises_along_the_way_of_those_who_succeed():
    potential = Potential()
    for seed in range(60):
        task = FlightBookingEnv.make_task(seed, kind="book", difficulty=0.3)
        episode = Episode(FlightBookingEnv(), task)
        steps = play_episode(episode, scripted_agent("flight", seed=seed, noise=0.3))
        views = {step.result["view"] for step in steps if step.error is None}
        potential.observe(views, success=episode.last.outcome["ticketed"])
    assert potential.value("search_results") <= potential.value("payment") <= potential.value("receipt")
    assert potential.progress("search_results", "receipt") > 0


# Self-consistency


def test_the_receipt_costs_what_the_cart_did(bookings):
    found = SelfConsistency()
    for session in bookings:
        found.observe(session)
    price = ("confirm_payment.result.booking.price", "confirm_payment.result.cart.total")
    assert price in found.equalities
    assert ("enter_card.arguments.card_token", "opening.forms.card_token") in found.equalities
    assert all(found.score(session) == 1 and not found.broken(session) for session in bookings)
    wrong = json.loads(json.dumps(bookings[0]))
    wrong["confirm_payment"]["result"]["booking"]["price"] += 7
    assert price in found.broken(wrong)
    assert found.score(wrong) < 1
    assert _through_json(found).equalities == found.equalities


SESSIONS = st.lists(
    st.dictionaries(NAMES, st.integers(2, 4) | st.sampled_from(["x", "y"]), max_size=3), max_size=8
)


@given(SESSIONS)
def test_no_trusted_equality_was_ever_broken(sessions):
    found = SelfConsistency()
    for session in sessions:
        found.observe(session)
    assert all(not found.broken(session) for session in sessions)
    assert _through_json(found).as_json() == found.as_json()


def test_what_is_the_same_each_time_equals_nothing():
    found = SelfConsistency()
    for _ in range(5):
        found.observe({"opening": {"fare": 12}, "pay": {"fee": 12}})
    assert found.equalities == ()


def test_parcels_have_states_too():
    parcels = find(PARCELS)
    episode = Episode(parcels(), parcels.make_task(1))
    opening = episode.opening.observation
    steps = play_episode(episode, scripted_agent("parcels"))
    looks = [abstract_state(step.result, opening) for step in steps if step.tool == "look"]
    stores = {abstract_state(step.result, opening) for step in steps if step.tool == "store"}
    assert len(looks) == len(set(looks)) == 3, "nothing, one and some are stored"
    assert len(stores) == 1
