"""The explorer: it succeeds where the random agent does not, knows no world, and learns how episodes end."""

import json
from pathlib import Path

import pytest

from practicum.envs import Episode, find
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.training.agents import DummyAgent, Explorer, Learner, RandomAgent, Tool, play_episode
from practicum.training.agents.curiosity import END, Curiosity
from practicum.training.agents.sources import Surroundings

PARCELS = find(f"{Path(__file__).parents[2] / 'examples' / 'parcel_lockers.py'}:ParcelLockers")
EASY = {"kind": "book", "difficulty": 0.0, "feasible": True}
CAP = 600


def _calls_to_success(agent, env, first_seed, **settings):
    calls = 0
    for task in env.tasks(first_seed, **settings):
        episode = Episode(env(), task)
        calls += len(play_episode(episode, agent))
        if calls >= CAP or episode.last.outcome["success"]:
            break
    return min(calls, CAP)


@pytest.mark.parametrize(("env", "settings"), [(FlightBookingEnv, EASY), (PARCELS, {})])
def test_it_reaches_its_first_success_in_fewer_calls_than_the_random_agent(env, settings):
    explorer = [_calls_to_success(Explorer(seed), env, 1000 * seed, **settings) for seed in range(5)]
    random = [_calls_to_success(RandomAgent(seed), env, 1000 * seed, **settings) for seed in range(5)]
    assert sum(e < r for e, r in zip(explorer, random, strict=True)) >= 4
    assert not any(e > r for e, r in zip(explorer, random, strict=True))


def _play(agent, count, **settings):
    runs = []
    for task in FlightBookingEnv.tasks(**(EASY | settings)).take(count):
        steps = play_episode(Episode(FlightBookingEnv(), task), agent)
        runs.append([(step.tool, dict(step.arguments)) for step in steps])
    return runs


def test_it_follows_from_its_seed():
    assert _play(Explorer(3), 8) == _play(Explorer(3), 8) != _play(Explorer(4), 8)


def test_every_call_fits_its_tool():
    for seed in range(4):
        episode = Episode(FlightBookingEnv(), FlightBookingEnv.make_task(seed))
        steps = play_episode(episode, Explorer(seed))
        assert not any("bad arguments" in (step.error or "") for step in steps)


def test_it_makes_no_refused_call_twice_in_an_unchanged_situation():
    agent = Explorer(1)
    for task in FlightBookingEnv.tasks(**EASY).take(10):
        refused = set()
        for step in play_episode(Episode(FlightBookingEnv(), task), agent):
            call = json.dumps([step.tool, step.arguments], sort_keys=True)
            assert not (step.refused and call in refused)
            refused = refused | {call} if step.refused else set()


def test_it_learns_which_tool_ends_an_episode_and_calls_it_less():
    agent = Explorer(0)
    lengths = [len(run) for run in _play(agent, 60)]
    assert agent.curiosity.ends("abort") == 1
    assert agent.curiosity.ends("search_flights") < 0.2
    aborts = [run[-1][0] == "abort" for run in _play(agent, 20)]
    assert sum(aborts) < 15
    assert sum(lengths[30:]) > sum(lengths[:5])


def test_after_a_success_it_has_more():
    agent = Explorer(0)
    won = []
    for task in FlightBookingEnv.tasks(**EASY).take(120):
        episode = Episode(FlightBookingEnv(), task)
        play_episode(episode, agent)
        won.append(episode.last.outcome["success"])
    assert sum(won[60:]) > sum(won[:60]) >= 0
    assert agent.consistency.equalities
    assert agent.curiosity.potential.successes == sum(won)


def test_it_plays_where_nobody_tells_how_an_episode_ended():
    """Through `begin` and `decide` alone, from JSON, as a client does that knows no outcome."""
    agent = Explorer(0)
    for seed in range(12):
        episode = Episode(FlightBookingEnv(), FlightBookingEnv.make_task(seed, **EASY))
        tools = [
            Tool(a.name, a.description, json.loads(json.dumps(a.schema)))
            for a in episode.env.actions.values()
        ]
        result, error = json.loads(json.dumps(episode.opening.observation)), None
        agent.begin(episode.task.instruction, result, tools)
        while not episode.over:
            decision = agent.decide(result, error)
            step = episode.act(decision.tool, json.loads(json.dumps(decision.arguments)))
            result, error = json.loads(json.dumps(step.result)), step.error
    assert agent.curiosity.ends("abort") > 0
    assert agent.curiosity.potential.episodes == 0


def test_what_it_learned_survives_json():
    agent = Explorer(0)
    _play(agent, 30)
    restored = Curiosity.from_json(json.loads(json.dumps(agent.curiosity.as_json())))
    for state in agent.curiosity.states:
        for tool in FlightBookingEnv.actions:
            for seeking in (False, True):
                score = agent.curiosity.score(state, tool, seeking=seeking)
                assert restored.score(state, tool, seeking=seeking) == score
    assert any(END in agent.curiosity.model.followers(state, "abort") for state in agent.curiosity.states)


TEXT = {"type": "string"}


def test_an_argument_comes_from_the_place_that_is_called_like_it():
    seen = Surroundings()
    seen.see({"forms": {"token": "tok_1"}, "flights": [{"id": "A1", "price": 9}, {"id": "B2", "price": 4}]})
    best = max(seen.sources("enter_card", "card_token", TEXT), key=lambda source: source.kinship)
    assert best.values == ("tok_1",)
    flights = {s.name: s.values for s in seen.sources("add_to_cart", "flight_id", TEXT) if s.kinship == 1}
    assert flights["flights[].id least price"] == ("B2",)
    assert flights["flights[].id any"] == ("A1", "B2")


def test_a_code_is_read_from_the_sentence_that_tells_it():
    seen = Surroundings()
    seen.see({"messages": ["The bank asks for verification: your 3DS code is 648547.", "BK1 is booked."]})
    best = max(seen.sources("submit_3ds", "code", TEXT), key=lambda source: source.kinship)
    assert best.values == ("648547",)


def test_keys_that_are_ids_are_values_too():
    seen = Surroundings()
    seen.see({"parcels": {"P0": 3, "P1": 1}, "lockers": {"L0": 1}})
    best = max(seen.sources("store", "parcel", TEXT), key=lambda source: source.kinship)
    assert set(best.values) <= {"P0", "P1"}


def test_the_dummy_agent_is_the_random_one():
    episode = Episode(FlightBookingEnv(), FlightBookingEnv.make_task(1))
    assert play_episode(episode, DummyAgent(3))
    assert not isinstance(DummyAgent(), Learner)
    assert isinstance(Explorer(), Learner)
