"""Invariants over arbitrary episodes: every call valid or not, in any order."""

import json
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, ToolCall
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.envs.probing import leaks
from practicum.envs.spaces import sample_arguments
from practicum.training.agents import play_episode, scripted_agent
from practicum.training.agents.random_agent import texts_in

SEEDS = st.integers(0, 10_000)
CALLS = st.lists(st.integers(0, 2**20), min_size=1, max_size=40)
ACTIONS = list(FlightBookingEnv.actions.values())
QUICK = settings(max_examples=60, deadline=None)


def _call(draw, page):
    """The call that a number means where a page is seen; its texts are mostly taken from the page."""
    random = np.random.default_rng(draw)
    action = ACTIONS[int(random.integers(len(ACTIONS)))]
    words = [*texts_in(page), "x", "", "10:00"]
    if page["flights"] and random.random() < 0.5:
        words = [row["id"] for row in page["flights"]]
    return ToolCall(action.name, sample_arguments(action, random, words=words))


def _play(task, draws):
    """The steps of an episode of random calls, each with the world before it."""
    env = FlightBookingEnv()
    episode = Episode(env, task)
    page, played = episode.opening.observation, []
    for draw in draws:
        if episode.over:
            break
        before = env.world(), env.np_random.bit_generator.state
        call = _call(draw, page)
        step = episode.act(call.tool, call.arguments)
        page = step.result or page
        played.append((step, before, (env.world(), env.np_random.bit_generator.state)))
    return episode, played


@given(SEEDS, CALLS)
@QUICK
def test_equal_calls_give_an_equal_episode(seed, draws):
    task = FlightBookingEnv.make_task(seed, difficulty=0.9)
    (_, one), (_, other) = _play(task, draws), _play(task, draws)
    assert one == other


@given(SEEDS, CALLS)
@QUICK
def test_refused_and_read_only_calls_leave_world_and_luck_alone(seed, draws):
    for step, before, after in _play(FlightBookingEnv.make_task(seed, difficulty=0.9), draws)[1]:
        if step.refused or step.read_only:
            assert before == after


@given(SEEDS, CALLS)
@QUICK
def test_rewards_are_the_sum_of_their_terms_and_progress_is_earned_once(seed, draws):
    episode, played = _play(FlightBookingEnv.make_task(seed, difficulty=0.9), draws)
    steps = [step for step, *_ in played]
    assert all(math.isclose(step.reward, sum(step.terms.values())) for step in steps)
    assert math.isclose(episode.total_reward, sum(step.reward for step in steps))
    for term in ("cart", "payment", "solved"):
        assert sum(term in step.terms for step in steps) <= 1


@given(SEEDS, CALLS)
@QUICK
def test_results_are_plain_json_and_keep_the_secret(seed, draws):
    task = FlightBookingEnv.make_task(seed)
    for step, *_ in _play(task, draws)[1]:
        shown = [step.result, step.text]
        assert json.loads(json.dumps(shown)) == shown
        assert not list(leaks(task.secret, shown, frozenset()))
        assert not set(task.secret) & set(step.result or {})


@given(SEEDS, CALLS)
@QUICK
def test_total_and_regret_are_never_negative(seed, draws):
    episode, played = _play(FlightBookingEnv.make_task(seed, difficulty=0.9), draws)
    assert all(step.result["cart"]["total"] >= 0 for step, *_ in played if step.result)
    outcome = episode.last.outcome
    if outcome is not None and outcome["success"] and outcome["regret"] is not None:
        assert outcome["regret"] >= 0


@given(SEEDS, st.sampled_from([0.0, 0.3]))
@QUICK
def test_what_is_seen_does_not_depend_on_the_secret(seed, noise):
    task = FlightBookingEnv.make_task(seed)
    blind = type(task).from_json(task.as_json() | {"secret": {}})
    one, other = (
        play_episode(Episode(FlightBookingEnv(), played), scripted_agent("flight", seed, noise))
        for played in (task, blind)
    )
    assert [(s.tool, s.arguments, s.result, s.thought) for s in one] == [
        (s.tool, s.arguments, s.result, s.thought) for s in other
    ]


@given(SEEDS)
@QUICK
def test_the_world_is_small(seed):
    task = FlightBookingEnv.make_task(seed)
    env = FlightBookingEnv()
    play_episode(Episode(env, task), scripted_agent("flight"))
    assert len(json.dumps(env.world())) < 4000
