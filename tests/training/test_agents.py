"""Agents: the scripted ones solve their environments from what can be seen, the random one is valid."""

import json
import math
from pathlib import Path

import pytest

from practicum.envs import Episode, UsageError, find
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.training.agents import RandomAgent, Tool, play_episode, scripted_agent

EXAMPLES = Path(__file__).parents[2] / "examples"
FINAL = {"abort", "confirm_payment", "pay_in_instalments", "cancel_booking", "request_refund"}


def _play(seed, agent, env=FlightBookingEnv, **settings):
    episode = Episode(env(), env.make_task(seed, **settings))
    return episode, play_episode(episode, agent)


@pytest.fixture(scope="module")
def sure_handed():
    """Two hundred flight episodes of the scripted agent without noise."""
    return [_play(seed, scripted_agent("flight")) for seed in range(200)]


def test_the_scripted_agent_solves_at_least_95_percent_of_all_kinds(sure_handed):
    solved = [episode.last.outcome["success"] for episode, _ in sure_handed]
    assert sum(solved) >= 0.95 * len(solved)
    assert {episode.task.params["kind"] for episode, _ in sure_handed} == {"book", "cancel", "refund"}


def test_it_buys_at_the_best_price_without_a_refused_call(sure_handed):
    regrets = [episode.last.outcome["regret"] for episode, _ in sure_handed]
    assert all(regret == 0 for regret in regrets if regret is not None)
    assert not any(step.refused for _, steps in sure_handed for step in steps)


def test_every_call_comes_with_a_reason(sure_handed):
    assert all(step.thought for _, steps in sure_handed for step in steps)


def test_it_meets_and_overcomes_every_disturbance():
    met = set()
    for seed in range(60):
        episode, steps = _play(seed, scripted_agent("flight"), difficulty=1.0, kind="book")
        assert episode.last.outcome["success"]
        said = "\n".join(message for step in steps for message in step.result["messages"])
        for sign in ("3DS code is", "has failed", "sold out", "has changed"):
            met |= {sign} if sign in said else set()
    assert len(met) == 4


def test_it_applies_coupons_pays_instalments_and_shifts_the_day(sure_handed):
    used = {step.tool for _, steps in sure_handed for step in steps}
    assert {
        "apply_coupon",
        "pay_in_instalments",
        "filter_results",
        "submit_3ds",
        "request_refund",
        "abort",
    } <= used
    assert any(step.arguments.get("date", wanted) != wanted for wanted, step in _searches(sure_handed))


def _searches(played):
    for episode, steps in played:
        for step in steps:
            if step.tool == "search_flights":
                yield episode.task.params["date"], step


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_it_recovers_from_its_slips(noise):
    played = [_play(seed, scripted_agent("flight", seed=seed, noise=noise)) for seed in range(100)]
    assert sum(episode.last.outcome["success"] for episode, _ in played) >= 95
    assert any(step.refused for _, steps in played for step in steps)


def test_a_slip_is_never_final():
    for seed in range(20):
        _, steps = _play(seed, scripted_agent("flight", seed=seed, noise=1.0))
        assert not FINAL & {step.tool for step in steps}


def test_equal_seeds_slip_alike_and_others_do_not():
    calls = [
        [(step.tool, step.arguments) for step in _play(5, scripted_agent("flight", seed=seed, noise=0.5))[1]]
        for seed in (1, 1, 2)
    ]
    assert calls[0] == calls[1] != calls[2]


def test_it_plays_from_json_alone():
    """As over MCP: nothing but what survives JSON, and neither task nor environment in reach."""
    episode = Episode(FlightBookingEnv(), FlightBookingEnv.make_task(11, kind="book", difficulty=1.0))
    agent = scripted_agent("flight-v1", noise=0.2)
    tools = [
        Tool(a.name, a.description, json.loads(json.dumps(a.schema))) for a in episode.env.actions.values()
    ]
    result, error = json.loads(json.dumps(episode.opening.observation)), None
    agent.begin(episode.task.instruction, result, tools)
    while not episode.over:
        decision = agent.decide(result, error)
        step = episode.act(decision.tool, json.loads(json.dumps(decision.arguments)))
        result, error = json.loads(json.dumps(step.result)), step.error
    assert episode.last.outcome["success"]


def test_one_agent_plays_one_episode_after_the_other():
    agent = scripted_agent("flight")
    assert all(_play(seed, agent)[0].last.outcome["success"] for seed in range(10))


def test_a_request_to_check_again_is_answered_with_the_same_call():
    task = FlightBookingEnv.make_task(4, kind="book", difficulty=0.0)
    episode = Episode(FlightBookingEnv(), task, min_try=3)
    steps = play_episode(episode, scripted_agent("flight"))
    assert len({step.tool for step in steps[-3:]}) == 1
    assert episode.last.outcome["success"]


def test_it_goes_on_from_the_middle_of_an_episode():
    task = FlightBookingEnv.make_task(12, kind="book", difficulty=0.5, feasible=True)
    episode = Episode(FlightBookingEnv(), task)
    steps = play_episode(Episode(FlightBookingEnv(), task), scripted_agent("flight"))
    for step in steps[: len(steps) // 2]:
        episode.act(step.tool, step.arguments)
    result, error = episode.last.result, None
    agent = scripted_agent("flight")
    agent.begin(task.instruction, result)
    while not episode.over:
        decision = agent.decide(result, error)
        step = episode.act(decision.tool, decision.arguments)
        result, error = step.result, step.error
    assert episode.last.outcome["success"]


def test_the_parcels_script_stores_every_parcel():
    parcels = find(f"{EXAMPLES / 'parcel_lockers.py'}:ParcelLockers")
    for seed in range(30):
        episode, _ = _play(seed, scripted_agent("parcels", seed=seed, noise=0.2), env=parcels, parcels=5)
        assert episode.last.outcome["success"]


def test_an_environment_without_a_script_is_named():
    with pytest.raises(UsageError, match=r"no script plays 'fligt'; did you mean 'flight'\?"):
        scripted_agent("fligt")


def test_noise_is_a_probability():
    with pytest.raises(UsageError, match="expected a probability"):
        scripted_agent("flight", noise=2)


def test_the_random_agent_makes_calls_that_the_door_lets_in():
    for seed in range(10):
        episode, steps = _play(seed, RandomAgent(seed))
        assert not any("bad arguments" in (step.error or "") for step in steps)
        assert math.isfinite(episode.total_reward)


def test_the_random_agent_follows_from_its_seed_and_avoids_what_it_is_told_to():
    runs = [
        [(step.tool, step.arguments) for step in _play(1, RandomAgent(seed, avoid=frozenset({"abort"})))[1]]
        for seed in (3, 3, 4)
    ]
    assert runs[0] == runs[1] != runs[2]
    assert all(tool != "abort" for run in runs for tool, _ in run)
